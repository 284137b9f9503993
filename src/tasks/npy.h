// NumPy's .npy files to tensors and back (format versions 1 to 3).
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

#include "fovea/result.h"
#include "fovea/tensor.h"

namespace fovea::tasks {

/// An array of any shape in C or Fortran order, either byte order; bool, (u)int8 to (u)int64, float16, float32 and
/// float64. bfloat16 has no NumPy type of its own: two raw bytes ("<V2"), as ml_dtypes writes it, are taken for it.
/// Error: invalid_argument where the bytes are no such file, or where header and size disagree; unsupported for other
/// types; out_of_memory.
Result<Tensor> parse_npy(std::span<const std::byte> bytes);
/// parse_npy of a file, its name in the error. Error: also not_found, io.
Result<Tensor> read_npy(const std::filesystem::path& path);

/// Writes the file atomically. Error: io.
Result<void> write_npy(const std::filesystem::path& path, const Tensor& tensor);

}  // namespace fovea::tasks
