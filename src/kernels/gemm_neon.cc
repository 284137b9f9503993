// The matrix product's tiles for 64-bit Arm's NEON.
#if defined(__aarch64__)
#include "kernels/gemm.h"
#include "kernels/gemm_isa.h"
#include "kernels/vector_neon.h"

namespace fovea::kernels::neon {
namespace {

#include "kernels/gemm_tile.inc.h"

constexpr void (*k8x12[])(const GemmTile&) = {nullptr,
                                              gemm_tile<Vector, 1, 3>,
                                              gemm_tile<Vector, 2, 3>,
                                              gemm_tile<Vector, 3, 3>,
                                              gemm_tile<Vector, 4, 3>,
                                              gemm_tile<Vector, 5, 3>,
                                              gemm_tile<Vector, 6, 3>,
                                              gemm_tile<Vector, 7, 3>,
                                              gemm_tile<Vector, 8, 3>};

}  // namespace

const GemmKernel kGemm8x12{"gemm_neon_8x12", 8, 12, k8x12};

}  // namespace fovea::kernels::neon
#endif
