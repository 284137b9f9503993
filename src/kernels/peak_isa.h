// The peak loops of each instruction set; those of another architecture are declared but not there.
#pragma once

#include "kernels/peak.h"

namespace fovea::kernels {

namespace portable {
extern const PeakLoop kPeakFp32;
}
namespace neon {
extern const PeakLoop kPeakFp32;
}
namespace avx2 {
extern const PeakLoop kPeakFp32, kPeakInt8, kPeakInt8Vnni;
}
namespace amx {
extern const PeakLoop kPeakBf16, kPeakInt8;
}
namespace avx512 {
extern const PeakLoop kPeakFp32, kPeakBf16, kPeakInt8, kPeakInt8Vnni;
}

}  // namespace fovea::kernels
