// What ONNX says of a value's type.
#pragma once

#include "fovea/result.h"
#include "graph/graph.h"

namespace fovea::wire {
class ValueInfo;
}

namespace fovea::onnx {

/// A ValueInfo without a type is one of which nothing is known. Error: unsupported for sequences, maps, optionals,
/// sparse tensors and element types that fovea lacks; invalid_model for extents below -1 or whose product overflows.
Result<ValueType> read_type(const wire::ValueInfo& info);

}  // namespace fovea::onnx
