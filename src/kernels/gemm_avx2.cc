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

template <int kSpread>
using Tiles12 = Tiles<Vector, 1, kSpread, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12>;

}  // namespace

const GemmKernel kGrouped1x8{"grouped_avx2_12x8_1", 12, 8, Tiles12<1>::table};
const GemmKernel kGrouped1x24{"grouped_avx2_4x24_1", 4, 24, Tiles<Vector, 3, 1, 1, 2, 3, 4>::table};
const GemmKernel kGrouped2x8{"grouped_avx2_12x8_2", 12, 8, Tiles12<2>::table, 1, 2};
const GemmKernel kGrouped8x8{"grouped_avx2_12x8_8", 12, 8, Tiles12<8>::table, 1, 8};
const GemmKernel kGrouped8x16{"grouped_avx2_6x16_8", 6, 16, Tiles<Vector, 2, 8, 1, 2, 3, 4, 5, 6>::table, 1, 8};

const GemmKernel kGemm6x16{"gemm_avx2_6x16", 6, 16, k6x16};

}  // namespace fovea::kernels::avx2
#endif
