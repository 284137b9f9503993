// Products of words for AVX-512: VDPBF16PS, VPDPBUSD, and VPMADDWD where the CPU has neither.
#if defined(__AVX512F__)
#include <immintrin.h>

#include "kernels/word_gemm.h"
#include "kernels/word_isa.h"

#define FOVEA_VECTOR_INLINE [[gnu::always_inline]] inline

namespace fovea::kernels::avx512 {
namespace {

#include "kernels/word_tile.inc.h"

struct Integers {
  using Sum = __m512i;
  using Words = __m512i;
  static constexpr int kLanes = 16;
  // clang-format off
  FOVEA_VECTOR_INLINE static Sum zero() { return _mm512_setzero_si512(); }
  FOVEA_VECTOR_INLINE static Words load(const uint32_t* p) { return _mm512_loadu_si512(p); }
  FOVEA_VECTOR_INLINE static Words broadcast(const std::byte* p) { int x; __builtin_memcpy(&x, p, 4); return _mm512_set1_epi32(x); }
  FOVEA_VECTOR_INLINE static Sum load_sums(const uint32_t* p) { return _mm512_loadu_si512(p); }
  FOVEA_VECTOR_INLINE static void store(uint32_t* p, Sum x) { _mm512_storeu_si512(p, x); }
  // clang-format on
};
struct Bytes : Integers {
  FOVEA_VECTOR_INLINE static Sum dot(Sum sum, Words a, Words b) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
  }
};
struct Shorts : Integers {
  FOVEA_VECTOR_INLINE static Sum dot(Sum sum, Words a, Words b) {
    return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
  }
};
struct Bf16 : Integers {
  using Sum = __m512;
  // clang-format off
  FOVEA_VECTOR_INLINE static Sum zero() { return _mm512_setzero_ps(); }
  FOVEA_VECTOR_INLINE static Sum load_sums(const uint32_t* p) { return _mm512_loadu_ps(p); }
  FOVEA_VECTOR_INLINE static void store(uint32_t* p, Sum x) { _mm512_storeu_ps(p, x); }
  // clang-format on
  FOVEA_VECTOR_INLINE static Sum dot(Sum sum, Words a, Words b) {
    asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
  }
};

template <class W>
void block(const WordBlock& t) {
  static constexpr WordTile kTiles[] = {nullptr,
                                        word_tile<W, 1, 2>,
                                        word_tile<W, 2, 2>,
                                        word_tile<W, 3, 2>,
                                        word_tile<W, 4, 2>,
                                        word_tile<W, 5, 2>,
                                        word_tile<W, 6, 2>,
                                        word_tile<W, 7, 2>,
                                        word_tile<W, 8, 2>,
                                        word_tile<W, 9, 2>,
                                        word_tile<W, 10, 2>,
                                        word_tile<W, 11, 2>,
                                        word_tile<W, 12, 2>};
  word_block<12>(t, kTiles);
}

}  // namespace

void narrow(const float* x, int64_t n, bf16* y) {
  for (int64_t i = 0; i < n; i += 32) {
    const auto some = [&](int64_t from) {
      const int64_t count = n - from;
      return _mm512_maskz_loadu_ps(count >= 16 ? 0xffff : count > 0 ? (1u << count) - 1 : 0, x + from);
    };
    const __m512 low = some(i), high = some(i + 16);
    __m512i pair;
    asm("vcvtne2ps2bf16 %2, %1, %0" : "=v"(pair) : "v"(high), "v"(low));
    _mm512_mask_storeu_epi16(y + i, n - i >= 32 ? ~0u : (1u << (n - i)) - 1, pair);
  }
}

const WordKernel kBf16{"avx512_bf16_12x32", WordFormat::bf16, 12, 32, 1, 1, 64, no_begin, block<Bf16>, narrow};
const WordKernel kI8{"avx512_vnni_12x32", WordFormat::i8, 12, 32, 1, 1, 128, no_begin, block<Bytes>, nullptr};
const WordKernel kI16{"avx512_i16_12x32", WordFormat::i16, 12, 32, 1, 1, 64, no_begin, block<Shorts>, nullptr};

}  // namespace fovea::kernels::avx512
#endif
