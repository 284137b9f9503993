#include "kernels/peak.h"

#include "base/cpu_features.h"
#include "kernels/peak_isa.h"

namespace fovea::kernels {

const PeakLoop* peak_loop(PeakFormat format) {
#if defined(__x86_64__)
  const CpuFeatures& cpu = cpu_features();
#if defined(FOVEA_AVX512)
  if (active_isa() == Isa::avx512) {
    if (format == PeakFormat::bf16 && cpu.amx_bf16) return &amx::kPeakBf16;
    if (format == PeakFormat::int8 && cpu.amx_int8) return &amx::kPeakInt8;
    if (format == PeakFormat::bf16 && cpu.avx512_bf16) return &avx512::kPeakBf16;
    if (format == PeakFormat::int8) return cpu.avx512_vnni ? &avx512::kPeakInt8Vnni : &avx512::kPeakInt8;
    return &avx512::kPeakFp32;
  }
#endif
  if (active_isa() == Isa::avx512 || active_isa() == Isa::avx2) {
    if (format == PeakFormat::int8) return cpu.avx_vnni ? &avx2::kPeakInt8Vnni : &avx2::kPeakInt8;
    return &avx2::kPeakFp32;
  }
#elif defined(__aarch64__)
  if (active_isa() == Isa::neon) return format == PeakFormat::int8 ? nullptr : &neon::kPeakFp32;
#endif
  return format == PeakFormat::int8 ? nullptr : &portable::kPeakFp32;
}

}  // namespace fovea::kernels
