// Steps that move elements: Transpose, Slice, Split, Concat, Expand. Any dtype; each is one or more strided copies.
#include <algorithm>
#include <vector>

#include "cpu/steps/steps.h"
#include "kernels/layout.h"
#include "ops/concat.h"
#include "ops/shapes.h"
#include "ops/slice.h"
#include "ops/transpose.h"

namespace fovea::cpu {
namespace {

struct Move {
  kernels::StridedCopy copy;
  ValueId from, to;
  int64_t from_offset = 0, to_offset = 0;  // elements
};

class CopyStep final : public Step {
 public:
  explicit CopyStep(std::vector<Move> moves) : moves_(std::move(moves)) {}

  Result<void> run(const Bindings& b) const override {
    for (const Move& m : moves_) {
      const auto* from = static_cast<const std::byte*>(b.at(m.from)) + m.from_offset * m.copy.element;
      auto* to = static_cast<std::byte*>(b.at_mutable(m.to)) + m.to_offset * m.copy.element;
      int64_t inner = m.copy.element;
      for (int d = 1; d < m.copy.rank; ++d) inner *= m.copy.extents[d];
      constexpr int64_t kGrainBytes = 32 << 10;
      b.pool->parallel_for(m.copy.extents[0], std::max<int64_t>(1, kGrainBytes / std::max<int64_t>(inner, 1)),
                           [&](int64_t begin, int64_t end, int) { copy_strided(m.copy, from, to, begin, end); });
    }
    return {};
  }
  std::string kernel() const override { return "copy"; }

 private:
  std::vector<Move> moves_;
};

/// The copy of a box; nullopt where it has too many axes.
std::optional<kernels::StridedCopy> box(const Shape& extents, const Shape& from, const Shape& to, DType dtype) {
  if (extents.size() > kernels::kMaxCopyRank) return std::nullopt;
  kernels::StridedCopy copy;
  copy.rank = static_cast<int>(extents.size());
  copy.element = static_cast<int>(size_of(dtype));
  std::ranges::copy(extents, copy.extents);
  std::ranges::copy(from, copy.from);
  std::ranges::copy(to, copy.to);
  return kernels::simplify(copy);
}

StepPtr one_copy(const LowerNode& node, const Shape& strides, int64_t offset) {
  const auto copy = box(node.out_shape(), strides, ops::strides_of(node.out_shape()), node.inputs[0].dtype);
  if (!copy) return nullptr;
  return std::make_unique<CopyStep>(std::vector<Move>{{*copy, node.in(0), node.out(), offset, 0}});
}

int64_t axis_of(int64_t axis, const Shape& shape) {
  return axis < 0 ? axis + static_cast<int64_t>(shape.size()) : axis;
}

StepPtr concat(const LowerNode& node, int64_t axis) {
  const Shape to = ops::strides_of(node.out_shape());
  const auto at = static_cast<size_t>(axis_of(axis, node.out_shape()));
  std::vector<Move> moves;
  int64_t offset = 0;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const auto copy = box(node.shape(i), ops::strides_of(node.shape(i)), to, node.outputs[0].dtype);
    if (!copy) return nullptr;
    moves.push_back({*copy, node.in(i), node.out(), 0, offset});
    offset += node.shape(i)[at] * to[at];
  }
  return std::make_unique<CopyStep>(std::move(moves));
}

StepPtr split(const LowerNode& node, int64_t axis) {
  const Shape from = ops::strides_of(node.shape(0));
  const auto at = static_cast<size_t>(axis_of(axis, node.shape(0)));
  std::vector<Move> moves;
  int64_t offset = 0;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.out(i) == kNoValue) return nullptr;  // the lengths of left-out parts are not at hand
    const auto copy = box(node.out_shape(i), from, ops::strides_of(node.out_shape(i)), node.inputs[0].dtype);
    if (!copy) return nullptr;
    moves.push_back({*copy, node.in(0), node.out(i), offset, 0});
    offset += node.out_shape(i)[at] * from[at];
  }
  return std::make_unique<CopyStep>(std::move(moves));
}

}  // namespace

StepPtr make_copy_step(const LowerNode& node) {
  const Shape strides = ops::strides_of(node.shape(0));
  if (const auto* op = dynamic_cast<const ops::Concat*>(node.op.get())) return concat(node, op->axis);
  if (const auto* op = dynamic_cast<const ops::Split*>(node.op.get())) return split(node, op->axis);
  if (const auto* op = dynamic_cast<const ops::Transpose*>(node.op.get())) {
    const auto perm = op->resolve(static_cast<int64_t>(strides.size()));
    if (!perm.ok()) return nullptr;
    Shape turned;
    for (int64_t d : *perm) turned.push_back(strides[static_cast<size_t>(d)]);
    return one_copy(node, turned, 0);
  }
  if (const auto* op = dynamic_cast<const ops::Slice*>(node.op.get())) {
    std::vector<ops::Inputs::Input> known(node.inputs.size());
    for (size_t i = 0; i < known.size(); ++i) known[i] = {node.inputs[i], node.constant(i), node.has(i)};
    const auto slice = op->resolve(ops::Inputs(known, 1));
    if (!slice.ok()) return nullptr;
    Shape stepped = strides;
    int64_t offset = 0;
    for (size_t d = 0; d < strides.size(); ++d) {
      stepped[d] *= slice->steps[d];
      offset += slice->starts[d] * strides[d];
    }
    return one_copy(node, stepped, offset);
  }
  if (node.node.is("Expand")) return one_copy(node, ops::broadcast_strides(node.shape(0), node.out_shape()), 0);
  return nullptr;
}

}  // namespace fovea::cpu
