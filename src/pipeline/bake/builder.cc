#include "pipeline/bake/builder.h"

#include <algorithm>

#include "ops/evaluate.h"
#include "ops/onnx_dtype.h"

namespace fovea::pipeline {
namespace {

constexpr std::string_view kPrefix = "fovea/bake/";

}  // namespace

Node Builder::node(std::string_view type, std::vector<ValueId> inputs, size_t outputs, Attributes attributes) {
  Node made;
  made.op_type = type;
  made.opset = opset_;
  made.inputs = std::move(inputs);
  made.attributes = std::move(attributes);
  for (size_t i = 0; i < outputs; ++i)
    made.outputs.push_back(graph_.add_value(std::string(kPrefix) + std::string(type)));
  made.name = graph_.value(made.outputs[0]).name;
  return made;
}

/// Sets the outputs of a node whose inputs are all constant. False: they are not, or it cannot be computed; then the
/// node says so when it runs.
bool Builder::fold(const Node& made) {
  std::vector<const Tensor*> operands;
  for (ValueId input : made.inputs) {
    operands.push_back(graph_.constant(input));
    if (input != kNoValue && operands.back() == nullptr) return false;
  }
  const auto op = ops::parse_operator(made);
  if (!op.ok()) return false;
  auto results = ops::evaluate(**op, operands, made.outputs.size());
  if (!results.ok()) return false;
  for (size_t i = 0; i < made.outputs.size(); ++i) graph_.set_constant(made.outputs[i], std::move((*results)[i]));
  return true;
}

std::vector<ValueId> Builder::make_many(std::string_view type, std::vector<ValueId> inputs, size_t outputs,
                                        Attributes attributes) {
  Node made = node(type, std::move(inputs), outputs, std::move(attributes));
  std::vector<ValueId> values = made.outputs;
  if (!fold(made)) graph_.add_node(std::move(made));
  return values;
}

ValueId Builder::make(std::string_view type, std::vector<ValueId> inputs, Attributes attributes) {
  return make_many(type, std::move(inputs), 1, std::move(attributes))[0];
}

ValueId Builder::constant(Tensor tensor) {
  return graph_.add_constant(std::string(kPrefix) + "constant", std::move(tensor));
}

ValueId Builder::integers(const std::vector<int64_t>& values) {
  return constant(Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values));
}

ValueId Builder::floats(const std::vector<float>& values, Shape shape) {
  return constant(Tensor::of<float>(std::move(shape), values));
}

ValueId Builder::real(double value) { return constant(Tensor::of<double>({1}, std::vector<double>{value})); }

std::optional<int64_t> Builder::known(ValueId value) const {
  const Tensor* tensor = graph_.constant(value);
  if (tensor == nullptr || tensor->dtype() != DType::i64 || tensor->size() != 1) return std::nullopt;
  return tensor->data<int64_t>()[0];
}

ValueId Builder::cast(ValueId x, DType to) {
  return make("Cast", {x}, {{"to", static_cast<int64_t>(ops::dtype_to_onnx(to))}});
}

ValueId Builder::range(ValueId begin, ValueId count) {
  const ValueId first = integer(0);
  const auto scalar = [&](ValueId x) { return make("Squeeze", {x, first}); };
  return make("Range", {scalar(begin), scalar(add(begin, count)), constant(Tensor::scalar(int64_t{1}))});
}

}  // namespace fovea::pipeline
