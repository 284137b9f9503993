// The products of words of each instruction set; those of another architecture are declared but not there.
#pragma once

#include "kernels/word_gemm.h"

namespace fovea::kernels {

namespace amx {
extern const WordKernel kBf16, kI8;
}
namespace avx512 {
extern const WordKernel kBf16, kI8, kI16;
/// By VCVTNE2PS2BF16.
void narrow(const float* x, int64_t n, bf16* y);
}  // namespace avx512
namespace avx2 {
extern const WordKernel kI8, kI16;
}
namespace neon {
extern const WordKernel kI16;                                         // any
extern const WordKernel kI8Signed, kI8, kI8Pairs, kBf16, kBf16Pairs;  // dotprod, i8mm, i8mm, bf16, bf16
}  // namespace neon
namespace portable {
extern const WordKernel kI16;
}

}  // namespace fovea::kernels
