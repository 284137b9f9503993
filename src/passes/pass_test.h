// For the tests of passes: a graph before, the graph that the pass must make of it, and a check that both compute the
// same.
#pragma once

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "graph/text.h"
#include "ops/evaluate.h"
#include "passes/pipeline.h"
#include "passes/specialise.h"

namespace fovea::passes {

inline Graph parsed(std::string_view text) {
  auto graph = parse_graph(text);
  EXPECT_TRUE(graph.ok()) << graph.error().to_string();
  return graph.ok() ? std::move(graph).value() : Graph();
}

/// What a graph does, whatever its values and nodes are called: one line a node.
inline std::string structure(const Graph& graph) {
  std::map<ValueId, std::string> names;
  const auto name = [&](ValueId v) -> std::string {
    if (v == kNoValue) return "_";
    if (const Tensor* t = graph.constant(v)) {
      if (t->size() > 1 || t->dtype() != DType::f32) return to_string(t->type());
      return t->size() == 1 ? fmt::format("{:.4g}", t->data<float>()[0]) : "empty";
    }
    return names.emplace(v, fmt::format("v{}", names.size())).first->second;
  };
  std::string text;
  for (ValueId v : graph.inputs) text += name(v) + " ";
  text += "\n";
  for (NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    std::string inputs, attributes;
    size_t count = node.inputs.size();
    while (count > 0 && node.inputs[count - 1] == kNoValue) --count;
    for (size_t i = 0; i < count; ++i) inputs += (i ? ", " : "") + name(node.inputs[i]);
    for (const auto& [key, value] : node.attributes) {
      if (const auto* i = std::get_if<int64_t>(&value)) attributes += fmt::format(" {}={}", key, *i);
      if (const auto* f = std::get_if<float>(&value)) attributes += fmt::format(" {}={:.4g}", key, *f);
      if (const auto* s = std::get_if<std::string>(&value)) attributes += fmt::format(" {}={}", key, *s);
      if (const auto* l = std::get_if<std::vector<int64_t>>(&value))
        attributes += fmt::format(" {}=[{}]", key, fmt::join(*l, ","));
    }
    std::string outputs;
    for (ValueId v : node.outputs) outputs += name(v) + " ";
    text += fmt::format("{}= {}{}({}){}\n", outputs, node.domain.empty() ? "" : node.domain + ".", node.op_type, inputs,
                        attributes);
  }
  for (ValueId v : graph.outputs) text += name(v) + " ";
  return text;
}

/// The fed inputs of a graph with concrete input types, filled with smooth numbers.
inline std::vector<Tensor> inputs_for(const Graph& graph) {
  std::vector<Tensor> inputs;
  for (ValueId v : graph.inputs) {
    const auto type = graph.value(v).type.concrete();
    EXPECT_TRUE(type.has_value()) << "tests of passes need concrete input types";
    Tensor t = *Tensor::allocate(type->dtype, type->shape);
    for (int64_t i = 0; i < t.size(); ++i) {
      const double x = std::sin(0.7 * static_cast<double>(i) + static_cast<double>(inputs.size())) * 2;
      if (type->dtype == DType::f32) t.mutable_view().as<float>()[i] = static_cast<float>(x);
      if (type->dtype == DType::u8) t.mutable_view().as<uint8_t>()[i] = static_cast<uint8_t>(37 * i);
    }
    inputs.push_back(std::move(t));
  }
  return inputs;
}

inline void expect_same_results(const Graph& a, const Graph& b, double tolerance = 1e-5) {
  const std::vector<Tensor> inputs = inputs_for(a);
  const auto x = ops::evaluate(a, inputs), y = ops::evaluate(b, inputs);
  ASSERT_TRUE(x.ok()) << x.error().to_string();
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  ASSERT_EQ(x->size(), y->size());
  for (size_t k = 0; k < x->size(); ++k) {
    ASSERT_EQ((*x)[k].type(), (*y)[k].type());
    if ((*x)[k].dtype() != DType::f32) continue;
    for (int64_t i = 0; i < (*x)[k].size(); ++i) {
      const double p = (*x)[k].data<float>()[i], q = (*y)[k].data<float>()[i];
      ASSERT_NEAR(p, q, tolerance * (1 + std::fabs(p))) << "output " << k << ", element " << i;
    }
  }
}

/// The pass of this name, from the pipeline.
inline const Pass& pass_named(std::string_view name) {
  for (const Stage stage : {Stage::once, Stage::shapes_known})
    for (const Pass& pass : pipeline(stage))
      if (pass.name == name) return pass;
  ADD_FAILURE() << "no pass " << name;
  return pipeline(Stage::once)[0];
}

/// The graph with all its types, as Stage::shapes_known sees it.
inline Graph with_types(const Graph& graph) {
  std::vector<TensorType> types;
  for (ValueId v : fed_inputs(graph)) types.push_back(*graph.value(v).type.concrete());
  const Operators operators = *parse_operators(graph);
  auto specialised = specialise(graph, types, operators);
  EXPECT_TRUE(specialised.ok()) << specialised.error().to_string();
  return std::move(specialised).value().graph;
}

/// The pass makes `after` of `before`, and both compute the same.
inline PassRecord expect_rewrite(std::string_view name, std::string_view before, std::string_view after,
                                 double tolerance = 1e-5) {
  const Graph original = parsed(before);
  Graph graph = with_types(original);
  const auto record = run_pass(graph, pass_named(name));
  EXPECT_TRUE(record.ok()) << record.error().to_string();
  EXPECT_EQ(structure(graph), structure(parsed(after)));
  expect_same_results(original, graph, tolerance);
  expect_same_results(original, parsed(after), tolerance * 10);
  return record.ok() ? *record : PassRecord{};
}

/// The pass leaves the graph as it is.
inline PassRecord expect_unchanged(std::string_view name, std::string_view text) {
  Graph graph = with_types(parsed(text));
  const std::string before = structure(graph);
  const auto record = run_pass(graph, pass_named(name));
  EXPECT_TRUE(record.ok()) << record.error().to_string();
  EXPECT_EQ(structure(graph), before);
  return record.ok() ? *record : PassRecord{};
}

}  // namespace fovea::passes
