// Loops of nothing but multiply-adds, in registers: what a core can do at most in a number format. The measure of all
// other kernels.
#pragma once

#include <cstdint>

namespace fovea::kernels {

/// int8 is u8 x s8 products summed in 32 bits, as quantized layers need them.
enum class PeakFormat : uint8_t { fp32, bf16, int8 };

struct PeakLoop {
  const char* name;  // "avx512_bf16"
  int64_t products;  // multiply-adds of one step
  void (*run)(int64_t steps);
};

/// The fastest loop of the active instruction set; nullptr where it has no instruction for int8. A CPU without one for
/// bf16 widens and uses fp32's: so is its peak.
const PeakLoop* peak_loop(PeakFormat format);

}  // namespace fovea::kernels
