// From the nodes of a specialised graph to steps: the fast kernel where there is one that takes these types and
// shapes, else the reference kernel.
#pragma once

#include <vector>

#include "cpu/packed_weights.h"
#include "cpu/step.h"
#include "cpu/tuner.h"
#include "fovea/options.h"
#include "passes/specialise.h"

namespace fovea::cpu {

/// A node as the makers of steps see it. All types are concrete.
struct LowerNode {
  const Graph& graph;
  const Node& node;
  std::vector<TensorType> inputs;   // of node.inputs; a default one where an input is left out
  std::vector<TensorType> outputs;  // likewise
  std::shared_ptr<const ops::Operator> op;
  PackedWeights& weights;
  int threads;
  Precision precision = Precision::fp32;
  PlanTuning* tuning = nullptr;  // nullptr: the cost model chooses (cpu/tuner.h)

  bool has(size_t i) const { return i < node.inputs.size() && node.inputs[i] != kNoValue; }
  ValueId in(size_t i) const { return i < node.inputs.size() ? node.inputs[i] : kNoValue; }
  ValueId out(size_t i = 0) const { return node.outputs[i]; }
  const Tensor* constant(size_t i) const { return has(i) ? graph.constant(node.inputs[i]) : nullptr; }
  const Shape& shape(size_t i) const { return inputs[i].shape; }
  const Shape& out_shape(size_t i = 0) const { return outputs[i].shape; }
  int64_t integer(std::string_view key, int64_t otherwise) const {
    const auto* value = node.attribute<int64_t>(key);
    return value ? *value : otherwise;
  }
  float real(std::string_view key, float otherwise) const {
    const auto* value = node.attribute<float>(key);
    return value ? *value : otherwise;
  }
  std::vector<int64_t> integers(std::string_view key, std::vector<int64_t> otherwise = {}) const {
    const auto* value = node.attribute<std::vector<int64_t>>(key);
    return value ? *value : otherwise;
  }
};

/// The same node with f32 wherever an operand is kept in bf16: what the forms and sizes of nodes are read from.
LowerNode as_f32(const LowerNode& node);

/// Operands that a node's fast step can read and write in bf16, where its products are of bf16.
struct NarrowPorts {
  uint32_t inputs = 0;  // bit i: input i
  bool output = false;  // output 0
  bool same = false;    // but only all of these together
};
NarrowPorts narrow_ports(const LowerNode& node);

/// Makes a step, or nothing: then the next maker is asked, and in the end the reference kernel serves.
using StepMaker = StepPtr (*)(const LowerNode&);

/// A node whose outputs are stretches of its input 0: the byte at which each begins. It needs no step.
std::optional<std::vector<int64_t>> view_offsets(const LowerNode& node);

Result<StepPtr> make_step(const LowerNode& node, bool fast_kernels);

/// Multiply-adds of the node in thousands of millions; 0 for what is no product.
double giga_macs(const LowerNode& node);

}  // namespace fovea::cpu
