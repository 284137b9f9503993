// The matrix-product kernels of each instruction set; those of another architecture are declared but not there.
#pragma once

#include "kernels/gemm.h"

namespace fovea::kernels {

namespace avx2 {
extern const GemmKernel kGemm6x16;
extern const GemmKernel kGrouped1x8, kGrouped1x24, kGrouped2x8, kGrouped8x8, kGrouped8x16;
}  // namespace avx2
namespace avx512 {
extern const GemmKernel kGemm12x16, kGemm12x32, kGemm8x48, kGemm6x64;
extern const GemmKernel kGrouped2x16, kGrouped2x48, kGrouped4x16, kGrouped16x16, kGrouped16x32;
}  // namespace avx512
namespace neon {
extern const GemmKernel kGemm8x12;
}
namespace portable {
extern const GemmKernel kGemm4x8;
}

}  // namespace fovea::kernels
