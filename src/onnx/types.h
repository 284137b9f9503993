// ONNX's numbers for element types, and what it says of a value's type.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "fovea/dtype.h"
#include "fovea/result.h"
#include "graph/graph.h"

namespace fovea::wire {
class ValueInfo;
}

namespace fovea::onnx {

/// Nothing for a type that fovea lacks (string, complex, 8-bit floats, 4-bit integers).
std::optional<DType> dtype_from_wire(int32_t data_type);
int32_t dtype_to_wire(DType dtype);
/// ONNX's name of an element type ("STRING"), for messages.
std::string wire_type_name(int32_t data_type);

/// A ValueInfo without a type is one of which nothing is known. Error: unsupported for sequences, maps, optionals,
/// sparse tensors and element types that fovea lacks; invalid_model for extents below -1 or whose product overflows.
Result<ValueType> read_type(const wire::ValueInfo& info);

}  // namespace fovea::onnx
