// Products of words in plain C++: pairs of 16-bit integers.
#include "kernels/word_gemm.h"
#include "kernels/word_isa.h"

#define FOVEA_VECTOR_INLINE inline

namespace fovea::kernels::portable {
namespace {

#include "kernels/word_tile.inc.h"

struct Shorts {
  static constexpr int kLanes = 4;
  struct Sum {
    int32_t at[kLanes];
  };
  struct Words {
    int16_t at[kLanes * 2];
  };
  static Sum zero() { return {}; }
  static Words load(const uint32_t* p) {
    Words x;
    __builtin_memcpy(&x, p, sizeof x);
    return x;
  }
  static Words broadcast(const std::byte* p) {
    Words x;
    for (int i = 0; i < kLanes; ++i) __builtin_memcpy(&x.at[i * 2], p, 4);
    return x;
  }
  static Sum dot(Sum sum, const Words& a, const Words& b) {
    for (int i = 0; i < kLanes; ++i)
      sum.at[i] += int32_t{a.at[i * 2]} * b.at[i * 2] + int32_t{a.at[i * 2 + 1]} * b.at[i * 2 + 1];
    return sum;
  }
  static Sum load_sums(const uint32_t* p) {
    Sum x;
    __builtin_memcpy(&x, p, sizeof x);
    return x;
  }
  static void store(uint32_t* p, const Sum& x) { __builtin_memcpy(p, &x, sizeof x); }
};

void block(const WordBlock& t) {
  static constexpr WordTile kTiles[] = {nullptr, word_tile<Shorts, 1, 2>, word_tile<Shorts, 2, 2>,
                                        word_tile<Shorts, 3, 2>, word_tile<Shorts, 4, 2>};
  word_block<4>(t, kTiles);
}

}  // namespace

const WordKernel kI16{"portable_i16_4x8", WordFormat::i16, 4, 8, 1, 1, 2, no_begin, block, nullptr};

}  // namespace fovea::kernels::portable
