// The matrix product's tiles for AVX2 with FMA.
#if defined(__AVX2__)
#include "kernels/gemm.h"
#include "kernels/gemm_isa.h"
#include "kernels/vector_avx2.h"

namespace fovea::kernels::avx2 {
namespace {

#include "kernels/gemm_tile.inc.h"

constexpr void (*k6x16[])(const GemmTile&) = {nullptr,
                                              gemm_tile<Vector, 1, 2>,
                                              gemm_tile<Vector, 2, 2>,
                                              gemm_tile<Vector, 3, 2>,
                                              gemm_tile<Vector, 4, 2>,
                                              gemm_tile<Vector, 5, 2>,
                                              gemm_tile<Vector, 6, 2>};

}  // namespace

const GemmKernel kGemm6x16{"gemm_avx2_6x16", 6, 16, k6x16};

}  // namespace fovea::kernels::avx2
#endif
