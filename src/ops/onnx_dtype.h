// ONNX's numbers and names of element types.
#pragma once

#include <cstdint>
#include <string_view>

#include "fovea/dtype.h"
#include "fovea/result.h"

namespace fovea::ops {

/// Error: unsupported for types that fovea lacks (strings, complex numbers, 8-bit floats, 4-bit integers) and for
/// numbers that ONNX does not have.
Result<DType> dtype_from_onnx(int64_t number);
/// The same by name ("FLOAT16"). Error: also invalid_model for what is no name.
Result<DType> dtype_named(std::string_view name);
int32_t dtype_to_onnx(DType dtype);

}  // namespace fovea::ops
