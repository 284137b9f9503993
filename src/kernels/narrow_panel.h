// Panels of weights kept in fewer bits than the product reads (kernels/gemm.h): 16-bit floats, or integers of 8 or 4
// bits with a scale and a zero point for each block of the depth and each column. They are widened stretch by stretch
// into memory that stays in the cache while the rows pass over it:
//
//     w[k, n] = (q[k, n] - zero[k / block, n]) * scale[k / block, n]     one rounding, as DequantizeLinear has it
#pragma once

#include <cstddef>
#include <cstdint>

namespace fovea::kernels {

enum class NarrowFormat : uint8_t { f16, bf16, u8, u4 };

/// All panels of a right operand of one tap.
struct NarrowPanels {
  NarrowFormat format = NarrowFormat::f16;
  int64_t columns = 0, depth = 0;  // of a panel
  int64_t block = 0;               // k that share a scale; the last block may be shorter. For integers alone, as what
                                   // follows
  const std::byte* numbers = nullptr;  // [panels] of narrow_panel_bytes()
  const float* scales = nullptr;       // [panels][blocks][columns]
  const uint8_t* zeros = nullptr;      // likewise; nullptr: `zero` everywhere
  float zero = 0;
};

/// Bytes of the numbers of one panel. Rows of the depth lie one behind the other; of u4, two rows share `columns`
/// bytes, the first in the lower halves.
int64_t narrow_panel_bytes(NarrowFormat format, int64_t columns, int64_t depth);

/// Packs the numbers of all panels: element (k, n) is the one at index n * n_stride + k * k_stride of `from`, whose
/// elements have two bytes (f16, bf16) or one (u8, u4), each combined with `flip` by exclusive or, for integers.
/// Columns beyond n are zero.
struct NarrowSource {
  const void* from = nullptr;
  int64_t n = 0, depth = 0;
  int64_t n_stride = 1, k_stride = 0;
  uint8_t flip = 0;  // 0x80 makes unsigned numbers of signed ones, more by 128
  uint8_t less = 0;  // taken off then: signed numbers of 4 bits are unsigned, more by 8
};
void pack_narrow(NarrowFormat format, int64_t columns, const NarrowSource& source, std::byte* numbers);

/// Writes rows [first, first + count) of a panel as floats to out, [count][columns].
void widen_panel(const NarrowPanels& panels, int64_t panel, int64_t first, int64_t count, float* out);

/// Where row `first` of a panel's numbers begins, and the bytes of `count` rows from there on: to be fetched ahead.
const std::byte* narrow_rows(const NarrowPanels& panels, int64_t panel, int64_t first);
int64_t narrow_row_bytes(const NarrowPanels& panels, int64_t count);

}  // namespace fovea::kernels
