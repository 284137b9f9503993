#include "ops/concat.h"

#include <cstring>

#include "base/checked.h"
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/known.h"
#include "ops/outputs.h"
#include "ops/shapes.h"
#include "ops/strided_copy.h"

namespace fovea::ops {
namespace {

// The part of a joined tensor that one piece takes: rows of `length` bytes, `pitch` bytes apart.
struct Rows {
  int64_t count, length;
  Rows(DType dtype, std::span<const int64_t> piece, int64_t axis)
      : count(extent_product(piece, 0, axis)),
        length(extent_product(piece, axis, static_cast<int64_t>(piece.size())) * static_cast<int64_t>(size_of(dtype))) {
  }
};

void copy_rows(const Rows& rows, const std::byte* from, int64_t from_pitch, std::byte* to, int64_t to_pitch) {
  if (rows.length == 0) return;
  for (int64_t i = 0; i < rows.count; ++i)
    std::memcpy(to + i * to_pitch, from + i * from_pitch, static_cast<size_t>(rows.length));
}

int64_t from_front(int64_t axis, int64_t rank) { return axis < 0 ? axis + rank : axis; }

}  // namespace

Result<Types> Concat::infer(const Inputs& in) const {
  if (!in.has(0)) return invalid_model("input 0 is left out");
  FOVEA_TRY(expect_rank_at_least(in, 0, 1));
  const auto at = static_cast<size_t>(FOVEA_TRY(normalize_axis(axis, in.rank(0))));
  Shape shape = in.shape(0);
  for (size_t i = 1; i < in.size(); ++i) {
    if (!in.has(i)) return invalid_model("input {} is left out", i);
    FOVEA_TRY(expect_same_dtype(in, i, 0));
    Shape expected = shape;
    expected[at] = -1;
    FOVEA_TRY(expect_shape(in, i, expected));
    const auto sum = checked_add(shape[at], in.shape(i)[at]);
    if (!sum) return invalid_model("the extents along axis {} are too large together", at);
    shape[at] = *sum;
  }
  return one_output(in.dtype(0), std::move(shape));
}

Result<void> Concat::compute(Args in, Outs out) const {
  const int64_t at = from_front(axis, out[0].rank()), pitch = Rows(out[0].dtype, out[0].shape, at).length;
  auto* to = out[0].as<std::byte>();
  for (const TensorView& piece : in) {
    const Rows rows(piece.dtype, piece.shape, at);
    copy_rows(rows, piece.as<std::byte>(), rows.length, to, pitch);
    to += rows.length;
  }
  return {};
}

Result<Types> Split::infer(const Inputs& in) const {
  const auto at = static_cast<size_t>(FOVEA_TRY(normalize_axis(axis, in.rank(0))));
  const int64_t extent = in.shape(0)[at];
  std::vector<int64_t> lengths;
  if (parts || in.has(1)) {
    lengths = parts ? *parts : FOVEA_TRY(in.integers(1));
    if (static_cast<int64_t>(lengths.size()) != outputs)
      return invalid_model("{} lengths for {} outputs", lengths.size(), outputs);
    int64_t left = extent;
    for (int64_t length : lengths) {
      if (length < 0 || length > left) return invalid_model("lengths that do not sum to the extent {}", extent);
      left -= length;
    }
    if (left != 0) return invalid_model("lengths that do not sum to the extent {}", extent);
  } else {
    const int64_t length = extent / outputs + (extent % outputs == 0 ? 0 : 1), last = extent - length * (outputs - 1);
    if (last < 0 || (equal_parts && last != length))
      return invalid_model("extent {} of axis {} cannot be split in {}", extent, at, outputs);
    lengths.assign(static_cast<size_t>(outputs), length);
    lengths.back() = last;
  }
  Types types;
  for (int64_t length : lengths) {
    types.push_back(in.type(0));
    types.back().shape[at] = length;
  }
  return types;
}

Result<void> Split::compute(Args in, Outs out) const {
  const int64_t at = from_front(axis, in[0].rank()), pitch = Rows(in[0].dtype, in[0].shape, at).length;
  const auto* from = in[0].as<std::byte>();
  // The parts that nobody asked for have lengths too.
  const Types types = FOVEA_TRY(infer(Known(in, out).inputs()));
  for (size_t i = 0; i < out.size(); ++i) {
    const Rows rows(types[i].dtype, types[i].shape, at);
    if (out[i].present()) copy_rows(rows, from, pitch, out[i].as<std::byte>(), rows.length);
    from += rows.length;
  }
  return {};
}

Result<OperatorPtr> parse_concat(const Node& node) {
  Attributes attributes(node);
  if (node.opset >= 4) attributes.require("axis");
  const int64_t axis = attributes.integer("axis", 1);
  FOVEA_TRY(attributes.finish());
  return make_operator<Concat>(axis);
}

Result<OperatorPtr> parse_split(const Node& node) {
  Attributes attributes(node);
  const auto outputs = static_cast<int64_t>(node.outputs.size());
  const int64_t axis = attributes.integer("axis", 0);
  std::optional<std::vector<int64_t>> parts;
  if (node.opset < 13 && attributes.has("split")) parts = attributes.integers("split");
  const bool has_input = node.inputs.size() > 1 && node.inputs[1] != kNoValue;
  const bool has_count = node.opset >= 18 && attributes.has("num_outputs");
  const int64_t count = node.opset >= 18 ? attributes.integer("num_outputs", outputs) : outputs;
  FOVEA_TRY(attributes.finish());
  if (node.opset < 13 && node.inputs.size() > 1)
    return invalid_model("Split-{} has the lengths as an attribute, not as an input", node.opset);
  if (has_count && has_input) return invalid_model("num_outputs and the lengths are both given");
  if (count != outputs) return invalid_model("num_outputs is {}, but the node lists {} outputs", count, outputs);
  return make_operator<Split>(axis, std::move(parts), node.opset < 18, outputs);
}

}  // namespace fovea::ops
