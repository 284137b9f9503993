// The matrix-product kernels of each instruction set; those of another architecture are declared but not there.
#pragma once

#include "kernels/gemm.h"

namespace fovea::kernels {

namespace avx2 {
extern const GemmKernel kGemm6x16;
}
namespace avx512 {
extern const GemmKernel kGemm12x16, kGemm12x32, kGemm8x48, kGemm6x64;
}
namespace neon {
extern const GemmKernel kGemm8x12;
}
namespace portable {
extern const GemmKernel kGemm4x8;
}

}  // namespace fovea::kernels
