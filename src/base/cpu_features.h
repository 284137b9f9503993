// Which instruction set the kernels use: what the CPU has, or less where FOVEA_ISA asks for it.
#pragma once

#include <string_view>

namespace fovea {

enum class Isa { portable, neon, avx2, avx512 };

/// The ISA that kernels use in this process. FOVEA_ISA=portable|neon|avx2|avx512|amx lowers it; a name that this CPU
/// lacks, or no name at all, is said on stderr once and ignored.
Isa active_isa();
/// The best that this CPU has.
Isa detected_isa();
std::string_view name_of(Isa isa);

/// Extensions beyond the base ISA that number formats need: what this process may use. AMX only where the system grants
/// it and FOVEA_ISA is unset or amx.
struct CpuFeatures {
  bool avx512_vnni = false;  // VPDPBUSD, 512 bit
  bool avx512_bf16 = false;  // VDPBF16PS
  bool avx_vnni = false;     // VPDPBUSD, 256 bit
  bool amx_bf16 = false;     // TDPBF16PS
  bool amx_int8 = false;     // TDPBUSD
  bool arm_dotprod = false;  // SDOT
  bool arm_i8mm = false;     // USDOT, USMMLA
  bool arm_bf16 = false;     // BFDOT, BFMMLA
};
const CpuFeatures& cpu_features();

struct CacheSizes {
  long l1d = 32 << 10, l2 = 512 << 10, l3 = 0;  // bytes, of one core; l3 shared, 0 where unknown
};
const CacheSizes& cache_sizes();

}  // namespace fovea
