// The matrix product's tiles for AVX-512.
#if defined(__AVX512F__)
#include "kernels/gemm.h"
#include "kernels/gemm_isa.h"
#include "kernels/vector_avx512.h"

namespace fovea::kernels::avx512 {
namespace {

#include "kernels/gemm_tile.inc.h"

constexpr void (*k12x32[])(const GemmTile&) = {nullptr,
                                               gemm_tile<Vector, 1, 2>,
                                               gemm_tile<Vector, 2, 2>,
                                               gemm_tile<Vector, 3, 2>,
                                               gemm_tile<Vector, 4, 2>,
                                               gemm_tile<Vector, 5, 2>,
                                               gemm_tile<Vector, 6, 2>,
                                               gemm_tile<Vector, 7, 2>,
                                               gemm_tile<Vector, 8, 2>,
                                               gemm_tile<Vector, 9, 2>,
                                               gemm_tile<Vector, 10, 2>,
                                               gemm_tile<Vector, 11, 2>,
                                               gemm_tile<Vector, 12, 2>};
constexpr void (*k6x64[])(const GemmTile&) = {nullptr,
                                              gemm_tile<Vector, 1, 4>,
                                              gemm_tile<Vector, 2, 4>,
                                              gemm_tile<Vector, 3, 4>,
                                              gemm_tile<Vector, 4, 4>,
                                              gemm_tile<Vector, 5, 4>,
                                              gemm_tile<Vector, 6, 4>};
constexpr void (*k8x48[])(const GemmTile&) = {nullptr,
                                              gemm_tile<Vector, 1, 3>,
                                              gemm_tile<Vector, 2, 3>,
                                              gemm_tile<Vector, 3, 3>,
                                              gemm_tile<Vector, 4, 3>,
                                              gemm_tile<Vector, 5, 3>,
                                              gemm_tile<Vector, 6, 3>,
                                              gemm_tile<Vector, 7, 3>,
                                              gemm_tile<Vector, 8, 3>};
constexpr void (*k12x16[])(const GemmTile&) = {nullptr,
                                               gemm_tile<Vector, 1, 1>,
                                               gemm_tile<Vector, 2, 1>,
                                               gemm_tile<Vector, 3, 1>,
                                               gemm_tile<Vector, 4, 1>,
                                               gemm_tile<Vector, 5, 1>,
                                               gemm_tile<Vector, 6, 1>,
                                               gemm_tile<Vector, 7, 1>,
                                               gemm_tile<Vector, 8, 1>,
                                               gemm_tile<Vector, 9, 1>,
                                               gemm_tile<Vector, 10, 1>,
                                               gemm_tile<Vector, 11, 1>,
                                               gemm_tile<Vector, 12, 1>};

template <int NV, int kSpread>
using Tiles12 = Tiles<Vector, NV, kSpread, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12>;

}  // namespace

const GemmKernel kGrouped2x16{"grouped_avx512_12x16_2", 12, 16, Tiles12<1, 2>::table, 2, 2};
const GemmKernel kGrouped2x48{"grouped_avx512_8x48_2", 8, 48, Tiles<Vector, 3, 2, 1, 2, 3, 4, 5, 6, 7, 8>::table, 2, 2};
const GemmKernel kGrouped4x16{"grouped_avx512_12x16_4", 12, 16, Tiles12<1, 4>::table, 2, 4};
const GemmKernel kGrouped16x16{"grouped_avx512_12x16_16", 12, 16, Tiles12<1, 16>::table, 2, 16};
const GemmKernel kGrouped16x32{"grouped_avx512_12x32_16", 12, 32, Tiles12<2, 16>::table, 2, 16};

const GemmKernel kGemm12x16{"gemm_avx512_12x16", 12, 16, k12x16, 2};
const GemmKernel kGemm8x48{"gemm_avx512_8x48", 8, 48, k8x48, 2};
const GemmKernel kGemm12x32{"gemm_avx512_12x32", 12, 32, k12x32, 2};
const GemmKernel kGemm6x64{"gemm_avx512_6x64", 6, 64, k6x64, 2};

}  // namespace fovea::kernels::avx512
#endif
