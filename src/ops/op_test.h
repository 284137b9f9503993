// For the tests of operators: runs one node through parse, infer and compute.
#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "ops/evaluate.h"

namespace fovea::ops {

struct TestNode {
  std::string_view op_type;
  int opset = 21;
  std::map<std::string, Attribute, std::less<>> attributes = {};
  std::string_view domain = "";
  size_t outputs = 1;
};

/// Runs the node on the inputs; a default-constructed Tensor (raw() == nullptr) stands for one that is left out.
inline Result<std::vector<Tensor>> run_node(const TestNode& test, const std::vector<Tensor>& inputs) {
  Node node;
  node.op_type = test.op_type;
  node.domain = test.domain;
  node.opset = test.opset;
  node.attributes = test.attributes;
  std::vector<const Tensor*> args;
  for (const Tensor& t : inputs) {
    args.push_back(t.raw() == nullptr ? nullptr : &t);
    node.inputs.push_back(t.raw() == nullptr ? kNoValue : static_cast<ValueId>(node.inputs.size()));
  }
  for (size_t i = 0; i < test.outputs; ++i) node.outputs.push_back(static_cast<ValueId>(inputs.size() + i));
  const OperatorPtr op = FOVEA_TRY(parse_operator(node));
  return evaluate(*op, args, test.outputs);
}

/// The values of one output; a failure of the test, and no values, where the node was refused or the dtype is another.
template <class T>
std::vector<T> values_of(const Result<std::vector<Tensor>>& outputs, size_t i = 0) {
  if (!outputs.ok()) {
    ADD_FAILURE() << outputs.error().to_string();
    return {};
  }
  const Tensor& tensor = (*outputs)[i];
  EXPECT_EQ(tensor.dtype(), dtype_of<T>);
  if (tensor.dtype() != dtype_of<T>) return {};
  return std::vector<T>(tensor.data<T>(), tensor.data<T>() + tensor.size());
}

/// The shape of one output; a failure of the test where the node was refused.
inline Shape shape_of(const Result<std::vector<Tensor>>& outputs, size_t i = 0) {
  if (!outputs.ok()) ADD_FAILURE() << outputs.error().to_string();
  return outputs.ok() ? (*outputs)[i].shape() : Shape{};
}

/// The code of the error with which the node was refused; nothing where it was not.
inline std::optional<ErrorCode> refusal(const Result<std::vector<Tensor>>& outputs) {
  return outputs.ok() ? std::nullopt : std::optional(outputs.error().code);
}

}  // namespace fovea::ops
