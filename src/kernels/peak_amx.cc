// The peak loops for the tiles of AMX: four tiles of sums, so that no product waits for the one before it.
#if defined(__AMX_TILE__) || defined(__AMXTILE__)  // as g++ and clang say it
#include <immintrin.h>

#include "kernels/amx_tiles.h"
#include "kernels/peak_isa.h"

namespace fovea::kernels::amx {
namespace {

void bf16(int64_t steps) {
  configure_tiles(16);
  for (int64_t i = 0; i < steps; ++i) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
}

void int8(int64_t steps) {
  configure_tiles(16);
  for (int64_t i = 0; i < steps; ++i) {
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(1, 4, 7);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
}

}  // namespace

const PeakLoop kPeakBf16{"amx_bf16", 4 * 16 * 16 * 32, bf16};
const PeakLoop kPeakInt8{"amx_int8", 4 * 16 * 16 * 64, int8};

}  // namespace fovea::kernels::amx
#endif
