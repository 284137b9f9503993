// Products of bf16 with AMX and what follows them.
#pragma once

#include "kernels/word_gemm.h"

namespace fovea::kernels::amx {

/// WordKernel::finish_panels.
void finish_panels(const WordBlock& t, const WordEnd& end, int64_t panel_words);

}  // namespace fovea::kernels::amx
