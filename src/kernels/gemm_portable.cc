// The matrix product's tiles for plain C++.
#include "kernels/gemm.h"
#include "kernels/gemm_isa.h"
#include "kernels/vector_portable.h"

namespace fovea::kernels::portable {
namespace {

#include "kernels/gemm_tile.inc.h"

constexpr void (*k4x8[])(const GemmTile&) = {nullptr, gemm_tile<Vector, 1, 2>, gemm_tile<Vector, 2, 2>,
                                             gemm_tile<Vector, 3, 2>, gemm_tile<Vector, 4, 2>};

}  // namespace

const GemmKernel kGemm4x8{"gemm_portable_4x8", 4, 8, k4x8};

}  // namespace fovea::kernels::portable
