// AttributeProto to Attribute, for all kinds but graphs, which need to know the values around them.
#pragma once

#include "graph/graph.h"
#include "onnx/onnx_wire.pb.h"
#include "onnx/read_tensor.h"

namespace fovea::onnx {

// AttributeProto.AttributeType
enum class AttributeKind {
  undefined = 0,
  number = 1,
  integer = 2,
  text = 3,
  tensor = 4,
  graph = 5,
  numbers = 6,
  integers = 7,
  texts = 8,
};

/// What the attribute holds: what it says, or, in files older than that field, what is there.
AttributeKind kind_of(const wire::Attribute& attribute);

/// Precondition: not a graph, not a reference. Error: unsupported for kinds that fovea lacks; those of to_tensor.
Result<Attribute> to_attribute(const wire::Attribute& attribute, TensorSource& source);

}  // namespace fovea::onnx
