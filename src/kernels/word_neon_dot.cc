// Products of words for 64-bit Arm's extensions: SDOT (dotprod), USDOT and USMMLA (i8mm), BFDOT and BFMMLA (bf16).
//
// The products of bf16 follow Arm's arithmetic: each pair of products is added, then added to the sum, both times
// rounded to odd (its error is below one unit in the last place, without a bias), and denormals are zeros.
#if defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>

#include "kernels/word_gemm.h"
#include "kernels/word_isa.h"

#define FOVEA_VECTOR_INLINE [[gnu::always_inline]] inline

namespace fovea::kernels::neon {
namespace {

#include "kernels/word_tile.inc.h"

constexpr int kRows = 6, kVectors = 4, kColumns = 4 * kVectors;  // 24 sums of 32 registers

struct Integers {
  using Sum = int32x4_t;
  using Words = uint8x16_t;
  static constexpr int kLanes = 4;
  // clang-format off
  FOVEA_VECTOR_INLINE static Sum zero() { return vdupq_n_s32(0); }
  FOVEA_VECTOR_INLINE static Words load(const uint32_t* p) { return vreinterpretq_u8_u32(vld1q_u32(p)); }
  FOVEA_VECTOR_INLINE static Words broadcast(const std::byte* p) { uint32_t x; __builtin_memcpy(&x, p, 4); return vreinterpretq_u8_u32(vdupq_n_u32(x)); }
  FOVEA_VECTOR_INLINE static Sum load_sums(const uint32_t* p) { return vreinterpretq_s32_u32(vld1q_u32(p)); }
  FOVEA_VECTOR_INLINE static void store(uint32_t* p, Sum x) { vst1q_u32(p, vreinterpretq_u32_s32(x)); }
  // clang-format on
};
/// Both operands are signed: bytes of rows are taken less 128, and 128 times the columns' sums are added.
struct SignedBytes : Integers {
  FOVEA_VECTOR_INLINE static Words broadcast(const std::byte* p) {
    return veorq_u8(Integers::broadcast(p), vdupq_n_u8(0x80));
  }
  FOVEA_VECTOR_INLINE static Sum dot(Sum sum, Words a, Words b) {
    return vdotq_s32(sum, vreinterpretq_s8_u8(a), vreinterpretq_s8_u8(b));
  }
};
struct Bytes : Integers {
  FOVEA_VECTOR_INLINE static Sum dot(Sum sum, Words a, Words b) { return vusdotq_s32(sum, a, vreinterpretq_s8_u8(b)); }
  FOVEA_VECTOR_INLINE static Sum multiply(Sum sum, Words a, Words b) {
    return vusmmlaq_s32(sum, a, vreinterpretq_s8_u8(b));
  }
};
struct Bf16 : Integers {
  using Sum = float32x4_t;
  // clang-format off
  FOVEA_VECTOR_INLINE static Sum zero() { return vdupq_n_f32(0); }
  FOVEA_VECTOR_INLINE static Sum load_sums(const uint32_t* p) { return vreinterpretq_f32_u32(vld1q_u32(p)); }
  FOVEA_VECTOR_INLINE static void store(uint32_t* p, Sum x) { vst1q_u32(p, vreinterpretq_u32_f32(x)); }
  // clang-format on
  FOVEA_VECTOR_INLINE static Sum dot(Sum sum, Words a, Words b) {
    return vbfdotq_f32(sum, vreinterpretq_bf16_u8(a), vreinterpretq_bf16_u8(b));
  }
  FOVEA_VECTOR_INLINE static Sum multiply(Sum sum, Words a, Words b) {
    return vbfmmlaq_f32(sum, vreinterpretq_bf16_u8(a), vreinterpretq_bf16_u8(b));
  }
};

template <class W>
void dot_block(const WordBlock& t) {
  static constexpr WordTile kTiles[] = {nullptr,
                                        word_tile<W, 1, kVectors>,
                                        word_tile<W, 2, kVectors>,
                                        word_tile<W, 3, kVectors>,
                                        word_tile<W, 4, kVectors>,
                                        word_tile<W, 5, kVectors>,
                                        word_tile<W, 6, kVectors>};
  word_block<kRows>(t, kTiles);
}

void signed_block(const WordBlock& t) {
  int32x4_t columns[kVectors];
  for (int32x4_t& x : columns) x = vdupq_n_s32(0);
  const uint32_t* b = t.panel;
  for (int64_t k = 0; k < t.taps * t.words; ++k, b += kColumns)
    for (int j = 0; j < kVectors; ++j)
      columns[j] = vdotq_s32(columns[j], vdupq_n_s8(1), vreinterpretq_s8_u8(Integers::load(b + 4 * j)));
  auto* sums = static_cast<uint32_t*>(t.sums);
  for (int64_t i = 0; i < t.rows; ++i)
    for (int j = 0; j < kVectors; ++j) {
      uint32_t* at = sums + i * t.sums_stride + 4 * j;
      const int32x4_t known = t.accumulate ? Integers::load_sums(at) : vdupq_n_s32(0);
      Integers::store(at, vaddq_s32(known, vshlq_n_s32(columns[j], 7)));
    }
  WordBlock rest = t;
  rest.accumulate = true;
  dot_block<SignedBytes>(rest);
}

/// Two words from each of two rows.
FOVEA_VECTOR_INLINE uint8x16_t two_rows(const std::byte* upper, const std::byte* lower) {
  const auto* first = reinterpret_cast<const uint8_t*>(upper);
  const auto* second = reinterpret_cast<const uint8_t*>(lower);
  return vcombine_u8(vld1_u8(first), vld1_u8(second));
}

/// Products of 2 x 2 sums: a register holds two columns of two rows, and is multiplied by two words of each. A last odd
/// row stands in for its pair, whose sums are dropped.
template <class W, int MR>
void pair_tile(const WordBlock& t, const std::byte* a, uint32_t* sums, const uint32_t* ahead, int64_t ahead_lines) {
  constexpr int kPairs = (MR + 1) / 2;
  const auto row_of = [](int i) { return i < MR ? i : MR - 1; };
  typename W::Sum acc[kPairs][2 * kVectors];
  for (int i = 0; i < kPairs; ++i)
    for (int j = 0; j < kVectors; ++j) {
      acc[i][2 * j] = acc[i][2 * j + 1] = W::zero();
      if (!t.accumulate) continue;
      const uint64x2_t upper = vreinterpretq_u64_u32(vld1q_u32(sums + row_of(2 * i) * t.sums_stride + 4 * j));
      const uint64x2_t lower = vreinterpretq_u64_u32(vld1q_u32(sums + row_of(2 * i + 1) * t.sums_stride + 4 * j));
      uint32_t known[8];
      vst1q_u32(known, vreinterpretq_u32_u64(vtrn1q_u64(upper, lower)));
      vst1q_u32(known + 4, vreinterpretq_u32_u64(vtrn2q_u64(upper, lower)));
      acc[i][2 * j] = W::load_sums(known);
      acc[i][2 * j + 1] = W::load_sums(known + 4);
    }
  constexpr int64_t kLine = 16;
  const uint32_t* b = t.panel;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const std::byte* row = a + t.tap_offsets[tap];
    for (int64_t k = 0; k < t.words; k += 2, b += 2 * kColumns, row += 8) {
      for (int line = 0; line < 2 && ahead_lines > 0; ++line, --ahead_lines, ahead += kLine)
        __builtin_prefetch(ahead, 0, 2);
      uint8x16_t x[kPairs];
      for (int i = 0; i < kPairs; ++i)
        x[i] = two_rows(row + row_of(2 * i) * t.a_stride, row + row_of(2 * i + 1) * t.a_stride);
      for (int j = 0; j < kVectors; ++j) {
        const uint32x4_t first = vld1q_u32(b + 4 * j), second = vld1q_u32(b + kColumns + 4 * j);
        const uint8x16_t left = vreinterpretq_u8_u32(vzip1q_u32(first, second));
        const uint8x16_t right = vreinterpretq_u8_u32(vzip2q_u32(first, second));
        for (int i = 0; i < kPairs; ++i) {
          acc[i][2 * j] = W::multiply(acc[i][2 * j], x[i], left);
          acc[i][2 * j + 1] = W::multiply(acc[i][2 * j + 1], x[i], right);
        }
      }
    }
  }
  for (int i = 0; i < kPairs; ++i)
    for (int j = 0; j < kVectors; ++j) {
      uint32_t made[8];
      W::store(made, acc[i][2 * j]);
      W::store(made + 4, acc[i][2 * j + 1]);
      const uint64x2_t left = vreinterpretq_u64_u32(vld1q_u32(made));
      const uint64x2_t right = vreinterpretq_u64_u32(vld1q_u32(made + 4));
      uint32_t* to = sums + 2 * i * t.sums_stride + 4 * j;
      vst1q_u32(to, vreinterpretq_u32_u64(vtrn1q_u64(left, right)));
      if (2 * i + 1 < MR) vst1q_u32(to + t.sums_stride, vreinterpretq_u32_u64(vtrn2q_u64(left, right)));
    }
}

template <class W>
void pair_block(const WordBlock& t) {
  static constexpr WordTile kTiles[] = {nullptr,         pair_tile<W, 1>, pair_tile<W, 2>, pair_tile<W, 3>,
                                        pair_tile<W, 4>, pair_tile<W, 5>, pair_tile<W, 6>};
  word_block<kRows>(t, kTiles);
}

/// By BFCVTN.
void narrow(const float* x, int64_t n, bf16* y) {
  auto* to = reinterpret_cast<uint16_t*>(y);
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) vst1_u16(to + i, vreinterpret_u16_bf16(vcvt_bf16_f32(vld1q_f32(x + i))));
  float rest[4] = {};
  uint16_t made[4];
  for (int64_t j = i; j < n; ++j) rest[j - i] = x[j];
  vst1_u16(made, vreinterpret_u16_bf16(vcvt_bf16_f32(vld1q_f32(rest))));
  for (int64_t j = i; j < n; ++j) to[j] = made[j - i];
}

}  // namespace

const WordKernel kI8Signed{"neon_sdot_6x16", WordFormat::i8, kRows,  kColumns, 1, 1, 32,
                           no_begin,         signed_block,   nullptr};
const WordKernel kI8{"neon_usdot_6x16", WordFormat::i8, kRows, kColumns, 1, 1, 32, no_begin, dot_block<Bytes>, nullptr};
const WordKernel kI8Pairs{"neon_usmmla_6x16", WordFormat::i8,    kRows,  kColumns, 2, 1, 64,
                          no_begin,           pair_block<Bytes>, nullptr};
const WordKernel kBf16{"neon_bfdot_6x16", WordFormat::bf16, kRows, kColumns, 1, 1, 16,
                       no_begin,          dot_block<Bf16>,  narrow};
const WordKernel kBf16Pairs{"neon_bfmmla_6x16", WordFormat::bf16, kRows, kColumns, 2, 1, 32,
                            no_begin,           pair_block<Bf16>, narrow};

}  // namespace fovea::kernels::neon
#endif
