// NumPy's .npy files (versions 1 to 3) to tensors and back.
#pragma once

#include <filesystem>

#include "fovea/result.h"
#include "fovea/tensor.h"

namespace fovea {

/// Error: not_found, io, invalid_argument (no .npy file, damaged, big-endian, a dtype without a counterpart). Arrays in
/// Fortran order are transposed to row-major order.
Result<Tensor> read_npy(const std::filesystem::path& path);

/// Writes version 1.0; bf16, which NumPy lacks, is written as f32. The file appears whole or not at all. Error: io.
Result<void> write_npy(const std::filesystem::path& path, const TensorView& tensor);

}  // namespace fovea
