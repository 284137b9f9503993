// Element types as attributes name them ("to", "dtype"): by ONNX's numbers.
#pragma once

#include "fovea/dtype.h"
#include "fovea/result.h"

namespace fovea::ops {

/// Error: unsupported for types that ONNX has and fovea lacks, invalid_model for other numbers.
Result<DType> dtype_from_onnx(int64_t number);

}  // namespace fovea::ops
