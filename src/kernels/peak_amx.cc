// The peak loops for the tiles of AMX: four tiles of sums, so that no product waits for the one before it.
#if defined(__AMX_TILE__)
#include <immintrin.h>

#include "kernels/peak_isa.h"

namespace fovea::kernels::amx {
namespace {

void begin() {
  struct alignas(64) Configuration {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t row_bytes[16] = {};
    uint8_t rows[16] = {};
  } c;
  for (int i = 0; i < 8; ++i) {
    c.row_bytes[i] = 64;
    c.rows[i] = 16;
  }
  asm volatile("ldtilecfg %0" ::"m"(c));
}

void bf16(int64_t steps) {
  begin();
  for (int64_t i = 0; i < steps; ++i) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
}

void int8(int64_t steps) {
  begin();
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
