#include "ops/quantised_form.h"

namespace fovea::ops {
namespace {

struct Line {
  std::string_view domain, name, inner;
  int opset;  // that gives the inner operator its meaning
};
constexpr std::string_view kMicrosoft = "com.microsoft";
constexpr Line kBinary[] = {{kMicrosoft, "QLinearAdd", "Add", 14}, {kMicrosoft, "QLinearMul", "Mul", 14}};
constexpr Line kUnary[] = {{kMicrosoft, "QLinearSigmoid", "Sigmoid", 13},
                           {kMicrosoft, "QLinearLeakyRelu", "LeakyRelu", 16},
                           {kMicrosoft, "QLinearSoftmax", "Softmax", 13},
                           {kMicrosoft, "QLinearAveragePool", "AveragePool", 19},
                           {kMicrosoft, "QLinearGlobalAveragePool", "GlobalAveragePool", 1}};

QuantisedForm form_of(const Node& node, std::string_view inner, int opset) {
  QuantisedForm form;
  form.inner.name = node.name;
  form.inner.op_type = inner;
  form.inner.opset = opset;
  form.inner.attributes = node.attributes;
  return form;
}

}  // namespace

std::optional<QuantisedForm> quantised_form(const Node& node) {
  if (const auto* last = node.attribute<int64_t>("channels_last"); last != nullptr && *last != 0) return std::nullopt;
  const auto given = [&](size_t i) { return i < node.inputs.size() && node.inputs[i] != kNoValue; };
  for (const Line& line : kBinary)
    if (node.is(line.name, line.domain)) {
      QuantisedForm form = form_of(node, line.inner, line.opset);
      form.operands = {{0, 1, 2}, {3, 4, 5}};
      form.y_scale = 6, form.y_zero = 7;
      return form;
    }
  for (const Line& line : kUnary)
    if (node.is(line.name, line.domain)) {
      QuantisedForm form = form_of(node, line.inner, line.opset);
      form.operands = {{0, 1, 2}};
      form.y_scale = 3, form.y_zero = 4;
      form.inner.attributes.erase("channels_last");
      if (const auto* opset = node.attribute<int64_t>("opset"); opset != nullptr && line.inner == "Softmax") {
        form.inner.opset = *opset < 13 ? 11 : 13;
        form.inner.attributes.erase("opset");
      }
      return form;
    }
  if (node.is("QLinearConcat", kMicrosoft)) {
    QuantisedForm form = form_of(node, "Concat", 13);
    for (size_t i = 2; i + 2 < node.inputs.size(); i += 3) form.operands.push_back({i, i + 1, i + 2});
    form.y_scale = 0, form.y_zero = 1;
    return form;
  }
  if (node.is("QLinearConv")) {
    QuantisedForm form = form_of(node, "Conv", 11);
    form.operands = {{0, 1, 2}, {3, 4, 5, 0}};
    if (given(8)) form.bias = 8;
    form.y_scale = 6, form.y_zero = 7;
    return form;
  }
  if (node.is("QLinearMatMul")) {
    QuantisedForm form = form_of(node, "MatMul", 13);
    form.operands = {{0, 1, 2, -2}, {3, 4, 5, -1}};
    form.y_scale = 6, form.y_zero = 7;
    return form;
  }
  if (node.is("QGemm", kMicrosoft)) {
    QuantisedForm form = form_of(node, "Gemm", 13);
    const auto* transposed = node.attribute<int64_t>("transB");
    form.operands = {{0, 1, 2}, {3, 4, 5, transposed != nullptr && *transposed != 0 ? 0 : 1}};
    if (given(6)) form.bias = 6;
    form.y_scale = 7, form.y_zero = 8;
    return form;
  }
  return std::nullopt;
}

}  // namespace fovea::ops
