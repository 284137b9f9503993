#include "onnx/read_attribute.h"

#include "base/error.h"

namespace fovea::onnx {

AttributeKind kind_of(const wire::Attribute& attribute) {
  if (attribute.type() != 0) return static_cast<AttributeKind>(attribute.type());
  if (attribute.has_f()) return AttributeKind::number;
  if (attribute.has_i()) return AttributeKind::integer;
  if (attribute.has_s()) return AttributeKind::text;
  if (attribute.has_t()) return AttributeKind::tensor;
  if (attribute.has_g()) return AttributeKind::graph;
  if (attribute.floats_size() > 0) return AttributeKind::numbers;
  if (attribute.ints_size() > 0) return AttributeKind::integers;
  if (attribute.strings_size() > 0) return AttributeKind::texts;
  return AttributeKind::undefined;
}

Result<Attribute> to_attribute(const wire::Attribute& attribute, TensorSource& source) {
  switch (kind_of(attribute)) {
    case AttributeKind::number: return Attribute(attribute.f());
    case AttributeKind::integer: return Attribute(static_cast<int64_t>(attribute.i()));
    case AttributeKind::text: return Attribute(attribute.s());
    case AttributeKind::tensor:
      if (!attribute.has_t()) return invalid_model("it is said to be a tensor, but holds none");
      return Attribute(FOVEA_TRY(to_tensor(attribute.t(), source)));
    case AttributeKind::numbers:
      return Attribute(std::vector<float>(attribute.floats().begin(), attribute.floats().end()));
    case AttributeKind::integers:
      return Attribute(std::vector<int64_t>(attribute.ints().begin(), attribute.ints().end()));
    case AttributeKind::texts:
      return Attribute(std::vector<std::string>(attribute.strings().begin(), attribute.strings().end()));
    case AttributeKind::undefined: return invalid_model("it has no value");
    case AttributeKind::graph: return internal("a graph is not read here");
  }
  if (attribute.type() < 0 || attribute.type() > 14)
    return invalid_model("its type is the unknown number {}", attribute.type());
  return unsupported("its type (number {} of ONNX's) is not one that fovea knows", attribute.type());
}

}  // namespace fovea::onnx
