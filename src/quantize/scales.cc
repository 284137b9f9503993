#include "quantize/scales.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace fovea::quantize {
namespace {

constexpr float kConcatRatio = 3, kSumRatio = 1.25f;

/// Sets of values, joined one with another; each knows the union of its members' ranges.
class Groups {
 public:
  explicit Groups(const Ranges& ranges) {
    for (const auto& [value, range] : ranges) {
      members_[value] = static_cast<int>(parents_.size());
      parents_.push_back(static_cast<int>(parents_.size()));
      ranges_.push_back(range);
    }
  }
  bool has(ValueId value) const { return members_.contains(value); }
  int find(ValueId value) const {
    int root = members_.at(value);
    while (parents_[static_cast<size_t>(root)] != root) root = parents_[static_cast<size_t>(root)];
    return root;
  }
  const Range& range(ValueId value) const { return ranges_[static_cast<size_t>(find(value))]; }
  void join(ValueId a, ValueId b) {
    const auto x = static_cast<size_t>(find(a)), y = static_cast<size_t>(find(b));
    ranges_[x] = {std::min(ranges_[x].low, ranges_[y].low), std::max(ranges_[x].high, ranges_[y].high)};
    parents_[y] = static_cast<int>(x);
  }

 private:
  std::map<ValueId, int> members_;
  std::vector<int> parents_;
  std::vector<Range> ranges_;
};

/// Whether the widest of these ranges reaches at most `ratio` times as far as the narrowest.
bool similar(const Groups& groups, const std::vector<ValueId>& values, float ratio) {
  float least = std::numeric_limits<float>::infinity(), most = 0;
  for (const ValueId value : values) {
    least = std::min(least, groups.range(value).reach());
    most = std::max(most, groups.range(value).reach());
  }
  return most <= ratio * least;
}

void join_all(Groups& groups, const std::vector<ValueId>& values) {
  for (size_t i = 1; i < values.size(); ++i) groups.join(values[0], values[i]);
}

}  // namespace

Scales choose_scales(const Graph& graph, const Selection& selection, const Ranges& ranges,
                     const ScaleOptions& options) {
  Scales scales;
  Ranges known;
  for (const auto& [value, stored] : selection.values)
    if (const auto it = ranges.find(value); it != ranges.end())
      known.insert(*it);
    else
      scales.missing.push_back(value);
  Groups groups(known);
  const auto stored_values = [&](const IntegerNode& node, bool with_outputs) {
    std::vector<ValueId> values;
    for (const size_t at : node.inputs) values.push_back(graph.node(node.node).inputs[at]);
    if (with_outputs) values.insert(values.end(), node.outputs.begin(), node.outputs.end());
    std::erase_if(values, [&](ValueId value) { return !groups.has(value); });
    return values;
  };
  for (const IntegerNode& node : selection.nodes)
    if (node.same_scale && !graph.node(node.node).is("Concat")) join_all(groups, stored_values(node, true));
  for (const IntegerNode& node : selection.nodes) {
    const Node& self = graph.node(node.node);
    const bool sum = self.is("Add") || self.is("Sub");
    if (!self.is("Concat") && !sum) continue;
    const auto inputs = stored_values(node, false);
    if (!similar(groups, inputs, sum ? kSumRatio : kConcatRatio)) continue;
    join_all(groups, sum ? inputs : stored_values(node, true));
  }
  for (const auto& [value, range] : known) {
    scales.groups[value] = groups.find(value);
    scales.parameters[value] = activation_parameters(groups.range(value), options.activations, options.symmetric);
  }
  return scales;
}

}  // namespace fovea::quantize
