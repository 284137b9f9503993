// Pillow's 8-bit resampling passes with Highway. All sums of bytes are exact integers, so every instruction set gives
// the same bytes.
#include "kernels/resample.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/dispatch.h"

// Vectors of unknown length cannot be array elements; Arm runs the NEON form. AVX3_DL is AVX-512 with VNNI.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#define HWY_WANT_AVX3_DL
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/resample.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fovea::kernels {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

// Plain loops over the same blocks; the words of a quad are its weights.
void pack(const int32_t* weights, uint32_t* words) { std::memcpy(words, weights, 16); }

HWY_INLINE int32_t row_sum(const uint8_t* row, const ResampleQuads& quads, int64_t i, int64_t colour) {
  const uint32_t* words = quads.words + i * quads.stride * kResampleQuadWords;
  const uint8_t* from = row + 12 * quads.first[i] + colour;
  int32_t sum = 0;
  for (int64_t t = 0; t < 4 * quads.count[i]; ++t) sum += static_cast<int32_t>(words[t]) * from[3 * t];
  return sum;
}

HWY_INLINE uint8_t clipped(int32_t sum) {
  const int32_t v = (sum + (1 << (kResampleBits - 1))) >> kResampleBits;
  return static_cast<uint8_t>(v < 0 ? 0 : v > 255 ? 255 : v);
}

void rows_to_bytes(const uint8_t* const* in, const ResampleQuads& quads, int64_t outputs, uint8_t*,
                   uint8_t* const* blocks) {
  for (int64_t r = 0; r < kResampleRows; ++r)
    for (int64_t i = 0; i < outputs; ++i)
      for (int64_t c = 0; c < 3; ++c)
        blocks[r / 4][i * kResampleBlockPixel + 4 * c + r % 4] = clipped(row_sum(in[r], quads, i, c));
}

void rows_to_floats(const uint8_t* const* in, const ResampleQuads& quads, int64_t outputs, uint8_t*,
                    float* const* rows) {
  for (int64_t r = 0; r < kResampleRows; ++r)
    for (int64_t i = 0; i < outputs; ++i)
      for (int64_t c = 0; c < 3; ++c)
        rows[r][4 * i + c] =
            std::clamp(static_cast<float>(row_sum(in[r], quads, i, c)) * (1.0f / (1 << kResampleBits)), 0.0f, 255.0f);
}

void columns_to_bytes(const uint8_t* const* blocks, const uint32_t* words, int64_t quads, int64_t pixels,
                      uint8_t* rgb) {
  for (int64_t i = 0; i < 3 * pixels; ++i) {
    int32_t sum = 0;
    for (int64_t t = 0; t < 4 * quads; ++t)
      sum += static_cast<int32_t>(words[t]) * blocks[t / 4][i / 3 * kResampleBlockPixel + 4 * (i % 3) + t % 4];
    rgb[i] = clipped(sum);
  }
}

void columns_of_floats(const float* const* rows, const float* weights, int64_t taps, int64_t pixels, uint8_t* rgb) {
  for (int64_t i = 0; i < 3 * pixels; ++i) {
    float sum = 0;
    for (int64_t t = 0; t < taps; ++t) sum += weights[t] * rows[t][i / 3 * 4 + i % 3];
    rgb[i] = static_cast<uint8_t>(std::nearbyint(std::fmin(std::fmax(sum, 0.0f), 255.0f)));
  }
}

#else

namespace hn = hwy::HWY_NAMESPACE;

using Bytes = hn::CappedTag<uint8_t, 64>;
using Sums = hn::CappedTag<int32_t, 16>;
using Floats = hn::CappedTag<float, 16>;
constexpr Bytes kBytes;
constexpr Sums kSums;
constexpr Floats kFloats;
using BytesVec = hn::Vec<Bytes>;
using SumsVec = hn::Vec<Sums>;
using Block = hn::Full128<uint8_t>;
constexpr Block kBlock;

constexpr int64_t kVectorBytes = static_cast<int64_t>(hn::MaxLanes(Bytes()));
constexpr int64_t kVectorBlocks = kVectorBytes / 16;  // 128-bit blocks of a vector
constexpr int64_t kVectors = 4;                       // that are summed up together

// Sums of four products, of four bytes with four weights, in each lane. A weight has more bits than one instruction
// multiplies, so it is cut into parts, each with sums of its own.
#if HWY_TARGET == HWY_AVX3_DL

// Three signed bytes, the lowest first.
constexpr int kParts = 3;
struct Weights {
  SumsVec part[kParts];
};

void pack(const int32_t* weights, uint32_t* words) {
  std::memset(words, 0, sizeof(uint32_t) * kResampleQuadWords);
  for (int t = 0; t < 4; ++t) {
    int32_t rest = weights[t];
    for (int p = 0; p < kParts; ++p) {
      const auto low = static_cast<int8_t>(rest);
      words[p] |= static_cast<uint32_t>(static_cast<uint8_t>(low)) << (8 * t);
      rest = (rest - low) >> 8;
    }
  }
}

HWY_INLINE Weights spread_weights(const uint32_t* words) {
  Weights w;
  for (int p = 0; p < kParts; ++p) w.part[p] = hn::Set(kSums, static_cast<int32_t>(words[p]));
  return w;
}

HWY_INLINE void add_products(BytesVec bytes, const Weights& w, SumsVec* sums) {
  // Highway 1.0 has no name for this one, and does not tell the compiler that this target has it.
  for (int p = 0; p < kParts; ++p) asm("vpdpbusd %2, %1, %0" : "+v"(sums[p].raw) : "v"(bytes.raw), "v"(w.part[p].raw));
}

HWY_INLINE SumsVec total(const SumsVec* sums) {
  return hn::Add(sums[0], hn::Add(hn::ShiftLeft<8>(sums[1]), hn::ShiftLeft<16>(sums[2])));
}

#elif HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128

// Two parts of 16 bits, the lower one of kLowBits; of each the weights of the even bytes, then of the odd ones.
constexpr int kParts = 2;
constexpr int kLowBits = 9;
struct Weights {
  SumsVec part[kParts][2];
};

void pack(const int32_t* weights, uint32_t* words) {
  std::memset(words, 0, sizeof(uint32_t) * kResampleQuadWords);
  for (int t = 0; t < 4; ++t) {
    const int32_t high = (weights[t] + (1 << (kLowBits - 1))) >> kLowBits;
    const int32_t parts[kParts] = {weights[t] - high * (1 << kLowBits), high};
    for (int p = 0; p < kParts; ++p)
      words[2 * p + t % 2] |= static_cast<uint32_t>(static_cast<uint16_t>(parts[p])) << (16 * (t / 2));
  }
}

HWY_INLINE Weights spread_weights(const uint32_t* words) {
  Weights w;
  for (int p = 0; p < kParts; ++p)
    for (int odd = 0; odd < 2; ++odd) w.part[p][odd] = hn::Set(kSums, static_cast<int32_t>(words[2 * p + odd]));
  return w;
}

HWY_INLINE void add_products(BytesVec bytes, const Weights& w, SumsVec* sums) {
  const hn::Repartition<uint16_t, Bytes> d16;
  const hn::Repartition<int16_t, Bytes> di16;
  const auto pairs = hn::BitCast(d16, bytes);
  const auto even = hn::BitCast(di16, hn::And(pairs, hn::Set(d16, 0xff)));
  const auto odd = hn::BitCast(di16, hn::ShiftRight<8>(pairs));
  for (int p = 0; p < kParts; ++p) {
    SumsVec none = hn::Zero(kSums);  // on x86 the sums of pairs all go to the first
    sums[p] = hn::ReorderWidenMulAccumulate(kSums, even, hn::BitCast(di16, w.part[p][0]), sums[p], none);
    sums[p] = hn::ReorderWidenMulAccumulate(kSums, odd, hn::BitCast(di16, w.part[p][1]), sums[p], none);
  }
}

HWY_INLINE SumsVec total(const SumsVec* sums) { return hn::Add(sums[0], hn::ShiftLeft<kLowBits>(sums[1])); }

#else

// The weights as they are.
constexpr int kParts = 1;
struct Weights {
  SumsVec tap[4];
};

void pack(const int32_t* weights, uint32_t* words) { std::memcpy(words, weights, 16); }

HWY_INLINE Weights spread_weights(const uint32_t* words) {
  Weights w;
  for (int t = 0; t < 4; ++t) w.tap[t] = hn::Set(kSums, static_cast<int32_t>(words[t]));
  return w;
}

HWY_INLINE void add_products(BytesVec bytes, const Weights& w, SumsVec* sums) {
  const hn::Repartition<uint32_t, Bytes> d32;
  const auto quads = hn::BitCast(d32, bytes);
  const auto low = hn::Set(d32, 0xff);
  sums[0] = hn::Add(sums[0], hn::Mul(hn::BitCast(kSums, hn::And(quads, low)), w.tap[0]));
  sums[0] = hn::Add(sums[0], hn::Mul(hn::BitCast(kSums, hn::And(hn::ShiftRight<8>(quads), low)), w.tap[1]));
  sums[0] = hn::Add(sums[0], hn::Mul(hn::BitCast(kSums, hn::And(hn::ShiftRight<16>(quads), low)), w.tap[2]));
  sums[0] = hn::Add(sums[0], hn::Mul(hn::BitCast(kSums, hn::ShiftRight<24>(quads)), w.tap[3]));
}

HWY_INLINE SumsVec total(const SumsVec* sums) { return sums[0]; }

#endif

// The sums of kVectors vectors over all quads.
struct Accumulated {
  SumsVec vector[kVectors];
};

template <class Load>
HWY_INLINE Accumulated accumulate(const uint32_t* words, int64_t quads, Load load) {
  SumsVec sums[kVectors][kParts];
  for (auto& vector : sums)
    for (SumsVec& part : vector) part = hn::Zero(kSums);
  for (int64_t q = 0; q < quads; ++q) {
    const Weights w = spread_weights(words + q * kResampleQuadWords);
    for (int64_t v = 0; v < kVectors; ++v) add_products(load(q, v), w, sums[v]);
  }
  Accumulated result;
  for (int64_t v = 0; v < kVectors; ++v) result.vector[v] = total(sums[v]);
  return result;
}

// Bytes of the four vectors' lanes. Block b of the answer holds block b of each, mixed as Shuffles undoes it.
HWY_INLINE BytesVec clipped_bytes(const SumsVec* v) {
  const hn::Repartition<int16_t, Bytes> d16;
  const auto clip = [d16](auto a) HWY_ATTR { return hn::Min(hn::Max(a, hn::Zero(d16)), hn::Set(d16, 255)); };
  const auto low = clip(hn::ReorderDemote2To(d16, v[0], v[1])), high = clip(hn::ReorderDemote2To(d16, v[2], v[3]));
  return hn::BitCast(kBytes, hn::Or(low, hn::ShiftLeft<8>(high)));
}

HWY_INLINE BytesVec finished(const Accumulated& sums) {
  const auto half = hn::Set(kSums, 1 << (kResampleBits - 1));
  SumsVec v[kVectors];
  for (int64_t i = 0; i < kVectors; ++i) v[i] = hn::ShiftRight<kResampleBits>(hn::Add(sums.vector[i], half));
  return clipped_bytes(v);
}

// Byte shuffles within blocks of 128 bits, and of 32-bit lanes in a vector.
struct Shuffles {
  alignas(16) uint8_t spread[16];   // four pixels RGB: four bytes of each colour
  alignas(16) uint8_t colours[16];  // of clipped_bytes(): four vectors' R, then G, then B, then the fourth lane
  alignas(16) uint8_t pixels[16];   // of clipped_bytes(): RGBx of each vector
  alignas(16) uint8_t tighten[16];  // four pixels RGBx without the x
  alignas(64) int32_t order[16];    // lanes in the order of vectors, then blocks
  Shuffles() {
    for (int i = 0; i < 16; ++i) {
      const auto place = [](int vector, int lane) { return 2 * (4 * (vector % 2) + lane) + vector / 2; };
      spread[i] = static_cast<uint8_t>(i < 12 ? 3 * (i % 4) + i / 4 : 0x80);
      colours[i] = static_cast<uint8_t>(place(i % 4, i / 4));
      pixels[i] = static_cast<uint8_t>(place(i / 4, i % 4));
      tighten[i] = static_cast<uint8_t>(i < 12 ? i / 3 * 4 + i % 3 : 0x80);
    }
    for (int v = 0; v < kVectors; ++v)
      for (int b = 0; b < kVectorBlocks; ++b) order[v * kVectorBlocks + b] = b * static_cast<int>(kVectors) + v;
  }
};

// A group is what kVectors vectors hold of the scratch memory: block k of vector j belongs to row 4 * k + j of it, so
// that the blocks of clipped_bytes() hold four neighbouring rows each.
constexpr int64_t kGroupRows = kVectors * kVectorBlocks;

HWY_INLINE int64_t slot_of(int64_t row) {
  const int64_t group = row / kGroupRows, within = row % kGroupRows;
  return group * kGroupRows + within % kVectors * kVectorBlocks + within / kVectors;
}

// Quads `begin` to `end` of all rows, the first of them to the start of `scratch`.
HWY_INLINE void spread_quads(const uint8_t* const* in, int64_t begin, int64_t end, uint8_t* scratch,
                             hn::Vec<Block> shuffle) {
  for (int64_t r = 0; r < kResampleRows; ++r) {
    const uint8_t* from = in[r] + 12 * begin;
    uint8_t* to = scratch + 16 * slot_of(r);
    for (int64_t q = begin; q < end; ++q, from += 12, to += kResampleScratch)
      hn::Store(hn::TableLookupBytesOr0(hn::LoadU(kBlock, from), shuffle), kBlock, to);
  }
}

template <class Finish>
HWY_INLINE void rows_pass(const uint8_t* const* in, const ResampleQuads& quads, int64_t outputs, uint8_t* scratch,
                          Finish finish) {
  static const Shuffles shuffles;
  constexpr int64_t kAhead = 16;  // quads that are spread at once, shortly before they are used
  const auto shuffle = hn::Load(kBlock, shuffles.spread);
  const int64_t origin = quads.first[0], last = quads.first[outputs - 1] + quads.count[outputs - 1];
  int64_t ready = origin;
  for (int64_t i = 0; i < outputs; ++i) {
    const int64_t first = quads.first[i], count = quads.count[i];
    while (ready < first + count) {
      const int64_t end = ready + kAhead < last ? ready + kAhead : last;
      spread_quads(in, ready, end, scratch + (ready - origin) * kResampleScratch, shuffle);
      ready = end;
    }
    const uint32_t* words = quads.words + i * quads.stride * kResampleQuadWords;
    const uint8_t* from = scratch + (first - origin) * kResampleScratch;
    for (int64_t group = 0; group < kResampleRows / kGroupRows; ++group, from += kVectors * kVectorBytes)
      finish(i, group, accumulate(words, count, [from](int64_t q, int64_t v) HWY_ATTR {
               return hn::Load(kBytes, from + q * kResampleScratch + v * kVectorBytes);
             }));
  }
}

void rows_to_bytes(const uint8_t* const* in, const ResampleQuads& quads, int64_t outputs, uint8_t* scratch,
                   uint8_t* const* blocks) {
  static const Shuffles shuffles;
  const BytesVec colours = hn::LoadDup128(kBytes, shuffles.colours);
  rows_pass(in, quads, outputs, scratch, [&](int64_t i, int64_t group, const Accumulated& sums) HWY_ATTR {
    alignas(64) uint8_t bytes[64];
    hn::Store(hn::TableLookupBytes(finished(sums), colours), kBytes, bytes);
    for (int64_t b = 0; b < kVectorBlocks; ++b)
      hn::Store(hn::Load(kBlock, bytes + 16 * b), kBlock, blocks[group * kVectorBlocks + b] + i * kResampleBlockPixel);
  });
}

void rows_to_floats(const uint8_t* const* in, const ResampleQuads& quads, int64_t outputs, uint8_t* scratch,
                    float* const* rows) {
  const hn::Full128<float> pixel;
  const auto unit = hn::Set(kFloats, 1.0f / (1 << kResampleBits));
  const auto zero = hn::Zero(kFloats), most = hn::Set(kFloats, 255.0f);
  rows_pass(in, quads, outputs, scratch, [&](int64_t i, int64_t group, const Accumulated& sums) HWY_ATTR {
    alignas(64) float values[16];
    for (int64_t v = 0; v < kVectors; ++v) {
      const auto sum = hn::Mul(hn::ConvertTo(kFloats, sums.vector[v]), unit);
      hn::Store(hn::Min(hn::Max(sum, zero), most), kFloats, values);
      for (int64_t b = 0; b < kVectorBlocks; ++b)
        hn::Store(hn::Load(pixel, values + 4 * b), pixel, rows[group * kGroupRows + 4 * b + v] + 4 * i);
    }
  });
}

// Writes pixels p to p + kGroupRows - 1 of a row, as far as it has them: those of each vector side by side.
class PixelWriter {
 public:
  PixelWriter(int64_t pixels, uint8_t* rgb) : pixels_(pixels), rgb_(rgb) {}

  HWY_INLINE void write(int64_t p, BytesVec mixed) const {
    static const Shuffles shuffles;
    const auto lanes = hn::BitCast(kSums, hn::TableLookupBytes(mixed, hn::LoadDup128(kBytes, shuffles.pixels)));
    const auto ordered = hn::BitCast(kBytes, hn::TableLookupLanes(lanes, hn::SetTableIndices(kSums, shuffles.order)));
    alignas(64) uint8_t tight[64];
    hn::Store(hn::TableLookupBytesOr0(ordered, hn::LoadDup128(kBytes, shuffles.tighten)), kBytes, tight);
    // Twelve bytes of each block; where there is room, sixteen are stored and the last four written again.
    if (pixels_ - p >= kGroupRows + 2) {
      for (int64_t b = 0; b < kVectorBlocks; ++b)
        hn::StoreU(hn::Load(kBlock, tight + 16 * b), kBlock, rgb_ + 3 * p + 12 * b);
    } else {
      uint8_t row[3 * kGroupRows];
      for (int64_t b = 0; b < kVectorBlocks; ++b) std::memcpy(row + 12 * b, tight + 16 * b, 12);
      std::memcpy(rgb_ + 3 * p, row, static_cast<size_t>(3 * (pixels_ - p < kGroupRows ? pixels_ - p : kGroupRows)));
    }
  }

 private:
  int64_t pixels_;
  uint8_t* rgb_;
};

void columns_to_bytes(const uint8_t* const* blocks, const uint32_t* words, int64_t quads, int64_t pixels,
                      uint8_t* rgb) {
  const PixelWriter writer(pixels, rgb);
  for (int64_t p = 0; p < pixels; p += kGroupRows)
    writer.write(p, finished(accumulate(words, quads, [blocks, p](int64_t q, int64_t v) HWY_ATTR {
                   return hn::Load(kBytes, blocks[q] + p * kResampleBlockPixel + v * kVectorBytes);
                 })));
}

void columns_of_floats(const float* const* rows, const float* weights, int64_t taps, int64_t pixels, uint8_t* rgb) {
  const PixelWriter writer(pixels, rgb);
  const auto lanes = static_cast<int64_t>(hn::Lanes(kFloats));
  for (int64_t p = 0; p < pixels; p += kGroupRows) {
    hn::Vec<Floats> s0 = hn::Zero(kFloats), s1 = s0, s2 = s0, s3 = s0;
    for (int64_t t = 0; t < taps; ++t) {
      const auto w = hn::Set(kFloats, weights[t]);
      const float* row = rows[t] + 4 * p;
      s0 = hn::MulAdd(w, hn::Load(kFloats, row), s0);
      s1 = hn::MulAdd(w, hn::Load(kFloats, row + lanes), s1);
      s2 = hn::MulAdd(w, hn::Load(kFloats, row + 2 * lanes), s2);
      s3 = hn::MulAdd(w, hn::Load(kFloats, row + 3 * lanes), s3);
    }
    const SumsVec whole[kVectors] = {hn::NearestInt(s0), hn::NearestInt(s1), hn::NearestInt(s2), hn::NearestInt(s3)};
    writer.write(p, clipped_bytes(whole));
  }
}

#endif  // HWY_TARGET

const char* target() { return hwy::TargetName(HWY_TARGET); }

}  // namespace HWY_NAMESPACE
}  // namespace fovea::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::kernels {
namespace {

HWY_EXPORT(pack);
HWY_EXPORT(rows_to_bytes);
HWY_EXPORT(rows_to_floats);
HWY_EXPORT(columns_to_bytes);
HWY_EXPORT(columns_of_floats);
HWY_EXPORT(target);

}  // namespace

void pack_resample_quad(const int32_t weights[4], uint32_t words[kResampleQuadWords]) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(pack)(weights, words);
}

void resample_rows(const uint8_t* const* in, const ResampleQuads& quads, int64_t outputs, uint8_t* scratch,
                   uint8_t* const* blocks) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(rows_to_bytes)(in, quads, outputs, scratch, blocks);
}

void resample_columns(const uint8_t* const* blocks, const uint32_t* words, int64_t quads, int64_t pixels,
                      uint8_t* rgb) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(columns_to_bytes)(blocks, words, quads, pixels, rgb);
}

void resample_rows_float(const uint8_t* const* in, const ResampleQuads& quads, int64_t outputs, uint8_t* scratch,
                         float* const* rows) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(rows_to_floats)(in, quads, outputs, scratch, rows);
}

void resample_columns_float(const float* const* rows, const float* weights, int64_t taps, int64_t pixels,
                            uint8_t* rgb) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(columns_of_floats)(rows, weights, taps, pixels, rgb);
}

const char* resample_target() {
  obey_active_isa();
  return HWY_DYNAMIC_DISPATCH(target)();
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
