#include "cpu/narrow.h"

#include <numeric>

namespace fovea::cpu {
namespace {

size_t at(ValueId id) { return static_cast<size_t>(id); }

/// Values that are kept in one format, each with one representative.
class Groups {
 public:
  explicit Groups(size_t values) : parent_(values) { std::iota(parent_.begin(), parent_.end(), size_t{0}); }
  size_t of(ValueId id) {
    size_t v = at(id);
    while (parent_[v] != v) v = parent_[v] = parent_[parent_[v]];
    return v;
  }
  void join(ValueId a, ValueId b) { parent_[of(a)] = of(b); }

 private:
  std::vector<size_t> parent_;
};

}  // namespace

std::vector<bool> narrow_values(const Graph& graph, std::span<const LowerNode> nodes) {
  const size_t values = graph.value_slots();
  Groups groups(values);
  std::vector<bool> may(values, true), made(values, false);
  std::vector<const LowerNode*> steps;
  for (const LowerNode& node : nodes) {
    if (!view_offsets(node)) {
      steps.push_back(&node);
      continue;
    }
    for (ValueId out : node.node.outputs)
      if (out != kNoValue) groups.join(out, node.in(0));
  }
  std::vector<NarrowPorts> all_ports;
  for (const LowerNode* node : steps) {
    all_ports.push_back(narrow_ports(*node));
    for (size_t i = 0; all_ports.back().same && i < node->node.inputs.size(); ++i)
      if (node->has(i) && (all_ports.back().inputs >> i & 1) != 0) groups.join(node->in(i), node->out());
  }
  for (size_t s = 0; s < steps.size(); ++s) {
    const LowerNode* node = steps[s];
    const NarrowPorts& ports = all_ports[s];
    for (size_t i = 0; i < node->node.inputs.size(); ++i)
      if (node->has(i) && (i >= 32 || (ports.inputs >> i & 1) == 0)) may[groups.of(node->in(i))] = false;
    for (size_t i = 0; i < node->node.outputs.size(); ++i) {
      const ValueId out = node->node.outputs[i];
      if (out == kNoValue) continue;
      if (i == 0 && ports.output)
        made[groups.of(out)] = true;
      else
        may[groups.of(out)] = false;
    }
  }
  for (const auto& kept : {graph.inputs, graph.outputs})
    for (ValueId v : kept) may[groups.of(v)] = false;
  for (size_t v = 0; v < values; ++v)
    if (graph.constant(static_cast<ValueId>(v)) != nullptr) may[groups.of(static_cast<ValueId>(v))] = false;
  std::vector<bool> narrow(values, false);
  for (size_t v = 0; v < values; ++v) {
    const size_t group = groups.of(static_cast<ValueId>(v));
    narrow[v] = may[group] && made[group];
  }
  return narrow;
}

}  // namespace fovea::cpu
