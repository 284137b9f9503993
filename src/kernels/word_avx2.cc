// Products of words for AVX2: VPMADDWD, and VPDPBUSD of AVX-VNNI.
#if defined(__AVX2__)
#include <immintrin.h>

#include "kernels/word_gemm.h"
#include "kernels/word_isa.h"

#define FOVEA_VECTOR_INLINE [[gnu::always_inline]] inline

namespace fovea::kernels::avx2 {
namespace {

#include "kernels/word_tile.inc.h"

struct Integers {
  using Sum = __m256i;
  using Words = __m256i;
  static constexpr int kLanes = 8;
  // clang-format off
  FOVEA_VECTOR_INLINE static Sum zero() { return _mm256_setzero_si256(); }
  FOVEA_VECTOR_INLINE static Words load(const uint32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  FOVEA_VECTOR_INLINE static Words broadcast(const std::byte* p) { int x; __builtin_memcpy(&x, p, 4); return _mm256_set1_epi32(x); }
  FOVEA_VECTOR_INLINE static Sum load_sums(const uint32_t* p) { return load(p); }
  FOVEA_VECTOR_INLINE static void store(uint32_t* p, Sum x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x); }
  // clang-format on
};
struct Bytes : Integers {
  FOVEA_VECTOR_INLINE static Sum dot(Sum sum, Words a, Words b) {
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
    return sum;
  }
};
struct Shorts : Integers {
  FOVEA_VECTOR_INLINE static Sum dot(Sum sum, Words a, Words b) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
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
                                        word_tile<W, 6, 2>};
  word_block<6>(t, kTiles);
}

}  // namespace

const WordKernel kI8{"avx_vnni_6x16", WordFormat::i8, 6, 16, 1, 1, 64, no_begin, block<Bytes>, nullptr};
const WordKernel kI16{"avx2_i16_6x16", WordFormat::i16, 6, 16, 1, 1, 16, no_begin, block<Shorts>, nullptr};

}  // namespace fovea::kernels::avx2
#endif
