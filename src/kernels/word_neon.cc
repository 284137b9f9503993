// Products of words for any 64-bit Arm: pairs of 16-bit integers.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "kernels/word_gemm.h"
#include "kernels/word_isa.h"

#define FOVEA_VECTOR_INLINE [[gnu::always_inline]] inline

namespace fovea::kernels::neon {
namespace {

#include "kernels/word_tile.inc.h"

struct Shorts {
  using Sum = int32x4_t;
  using Words = int16x8_t;
  static constexpr int kLanes = 4;
  // clang-format off
  FOVEA_VECTOR_INLINE static Sum zero() { return vdupq_n_s32(0); }
  FOVEA_VECTOR_INLINE static Words load(const uint32_t* p) { return vreinterpretq_s16_u32(vld1q_u32(p)); }
  FOVEA_VECTOR_INLINE static Words broadcast(const std::byte* p) { uint32_t x; __builtin_memcpy(&x, p, 4); return vreinterpretq_s16_u32(vdupq_n_u32(x)); }
  FOVEA_VECTOR_INLINE static Sum load_sums(const uint32_t* p) { return vreinterpretq_s32_u32(vld1q_u32(p)); }
  FOVEA_VECTOR_INLINE static void store(uint32_t* p, Sum x) { vst1q_u32(p, vreinterpretq_u32_s32(x)); }
  // clang-format on
  FOVEA_VECTOR_INLINE static Sum dot(Sum sum, Words a, Words b) {
    const int32x4_t low = vmull_s16(vget_low_s16(a), vget_low_s16(b)), high = vmull_high_s16(a, b);
    return vaddq_s32(sum, vpaddq_s32(low, high));
  }
};

void block(const WordBlock& t) {
  static constexpr WordTile kTiles[] = {nullptr, word_tile<Shorts, 1, 4>, word_tile<Shorts, 2, 4>,
                                        word_tile<Shorts, 3, 4>, word_tile<Shorts, 4, 4>};
  word_block<4>(t, kTiles);
}

}  // namespace

const WordKernel kI16{"neon_i16_4x16", WordFormat::i16, 4, 16, 1, 1, 8, no_begin, block, nullptr};

}  // namespace fovea::kernels::neon
#endif
