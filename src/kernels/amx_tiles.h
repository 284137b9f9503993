// The tiles' configuration of AMX. Only for files compiled for it.
#pragma once

#include <cstdint>

namespace fovea::kernels::amx {

/// Tiles 0 to 5 with `rows` rows (at most 16), 6 and 7 with 16, all of 64 bytes a row. Of this thread.
[[gnu::always_inline]] inline void configure_tiles(uint8_t rows) {
  struct alignas(64) {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t row_bytes[16] = {};
    uint8_t rows[16] = {};
  } c;
  for (int i = 0; i < 8; ++i) {
    c.row_bytes[i] = 64;
    c.rows[i] = i < 6 ? rows : 16;
  }
  asm volatile("ldtilecfg %0" ::"m"(c));  // the intrinsic of g++ 12 reads but eight bytes, as the compiler sees it
}

}  // namespace fovea::kernels::amx
