#include "ops/views.h"

#include <algorithm>

#include "base/checked.h"
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/outputs.h"
#include "ops/shapes.h"
#include "ops/strided_copy.h"

namespace fovea::ops {

bool only_reshapes(const Node& node) {
  constexpr std::string_view kNames[] = {"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"};
  if (!node.domain.empty()) return false;
  if (node.op_type == "Dropout")
    return node.outputs.size() == 1 && (node.inputs.size() < 3 || node.inputs[2] == kNoValue);
  return std::ranges::find(kNames, node.op_type) != std::end(kNames);
}

Result<Types> View::infer(const Inputs& in) const {
  const int64_t bytes = FOVEA_TRY(checked_bytes(in.dtype(0), in.shape(0)));
  const Shape result = FOVEA_TRY(shape(in));
  if (bytes != FOVEA_TRY(checked_bytes(in.dtype(0), result)))
    return invalid_model("shape {} cannot become {}: the number of elements differs", to_string(in.shape(0)),
                         to_string(result));
  return one_output(in.dtype(0), result);
}

Result<void> View::compute(Args in, Outs out) const {
  copy_all(in[0], out[0]);
  return {};
}

namespace {

using Integers = std::vector<int64_t>;

struct Reshape final : View {
  std::optional<Integers> target;  // before opset 5; an input since then
  bool allow_zero;                 // 0 means 0, and not "as in the input"

  Reshape(std::optional<Integers> t, bool z) : target(std::move(t)), allow_zero(z) {}

  Result<Shape> shape(const Inputs& in) const override {
    Shape result = target ? *target : FOVEA_TRY(in.integers(1));
    const Shape& from = in.shape(0);
    std::optional<size_t> open;
    int64_t known = 1;
    for (size_t i = 0; i < result.size(); ++i) {
      if (result[i] == 0 && !allow_zero) {
        if (i >= from.size())
          return invalid_model("extent {} of the new shape is to be copied, but the input has rank {}", i, from.size());
        result[i] = from[i];
      }
      if (result[i] < -1) return invalid_model("the new shape has extent {}", result[i]);
      if (result[i] == -1) {
        if (open) return invalid_model("the new shape leaves two extents open");
        open = i;
      } else {
        const auto product = checked_mul(known, result[i]);
        if (!product) return invalid_model("the new shape {} is too large", to_string(result));
        known = *product;
      }
    }
    if (!open) return result;
    const int64_t total = element_count(from);
    if (known == 0 || total % known != 0)
      return invalid_model("shape {} cannot become {}: the open extent is no whole number", to_string(from),
                           to_string(result));
    result[*open] = total / known;
    return result;
  }
};

struct Flatten final : View {
  int64_t axis;
  explicit Flatten(int64_t a) : axis(a) {}

  Result<Shape> shape(const Inputs& in) const override {
    const int64_t rank = in.rank(0), at = axis < 0 ? axis + rank : axis;
    if (at < 0 || at > rank) return invalid_model("axis {} is outside a tensor of rank {}", axis, rank);
    return Shape{extent_product(in.shape(0), 0, at), extent_product(in.shape(0), at, rank)};
  }
};

struct Squeeze final : View {
  std::optional<Integers> axes;  // before opset 13; an input since then
  explicit Squeeze(std::optional<Integers> a) : axes(std::move(a)) {}

  Result<Shape> shape(const Inputs& in) const override {
    const Shape& from = in.shape(0);
    Shape result;
    if (!axes && !in.has(1)) {
      std::ranges::copy_if(from, std::back_inserter(result), [](int64_t extent) { return extent != 1; });
      return result;
    }
    const Integers drop = FOVEA_TRY(normalize_axes(axes ? *axes : FOVEA_TRY(in.integers(1)), in.rank(0)));
    std::vector<bool> dropped(from.size(), false);
    for (int64_t axis : drop) {
      dropped[static_cast<size_t>(axis)] = true;
      if (from[static_cast<size_t>(axis)] != 1)
        return invalid_model("axis {} of shape {} cannot be squeezed: its extent is not 1", axis, to_string(from));
    }
    for (size_t i = 0; i < from.size(); ++i)
      if (!dropped[i]) result.push_back(from[i]);
    return result;
  }
};

struct Unsqueeze final : View {
  std::optional<Integers> axes;  // before opset 13; an input since then
  explicit Unsqueeze(std::optional<Integers> a) : axes(std::move(a)) {}

  Result<Shape> shape(const Inputs& in) const override {
    const Integers given = axes ? *axes : FOVEA_TRY(in.integers(1));
    FOVEA_TRY(check_rank(in.shape(0).size() + given.size()));
    // Axes count in the result's rank.
    const auto rank = in.rank(0) + static_cast<int64_t>(given.size());
    std::vector<bool> added(static_cast<size_t>(rank), false);
    for (int64_t axis : FOVEA_TRY(normalize_axes(given, rank))) added[static_cast<size_t>(axis)] = true;
    Shape result;
    auto next = in.shape(0).begin();
    for (const bool is_new : added) result.push_back(is_new ? 1 : *next++);
    return result;
  }
};

// A list that older opsets have as an attribute.
std::optional<Integers> list(Attributes& attributes, std::string_view name, bool as_attribute) {
  if (!as_attribute || !attributes.has(name)) return std::nullopt;
  return attributes.integers(name);
}

// Whether the list comes from where the opset has it.
Result<void> expect_inputs(const Node& node, size_t count, std::string_view name) {
  if (node.inputs.size() == count) return {};
  return invalid_model("{} inputs, but {}-{} has \"{}\" as {}", node.inputs.size(), node.op_type, node.opset, name,
                       count == 1 ? "an attribute" : "an input");
}

}  // namespace

Result<OperatorPtr> parse_reshape(const Node& node) {
  Attributes attributes(node);
  const bool as_attribute = node.opset < 5;
  if (as_attribute) attributes.require("shape");
  if (as_attribute) attributes.ignore("consumed_inputs");
  std::optional<Integers> shape = list(attributes, "shape", as_attribute);
  const bool allow_zero = node.opset >= 14 && attributes.flag("allowzero", false);
  FOVEA_TRY(attributes.finish());
  FOVEA_TRY(expect_inputs(node, as_attribute ? 1 : 2, "shape"));
  return make_operator<Reshape>(std::move(shape), allow_zero);
}

Result<OperatorPtr> parse_flatten(const Node& node) {
  Attributes attributes(node);
  const int64_t axis = attributes.integer("axis", 1);
  FOVEA_TRY(attributes.finish());
  return make_operator<Flatten>(axis);
}

Result<OperatorPtr> parse_squeeze(const Node& node) {
  Attributes attributes(node);
  std::optional<Integers> axes = list(attributes, "axes", node.opset < 13);
  FOVEA_TRY(attributes.finish());
  if (node.opset < 13) FOVEA_TRY(expect_inputs(node, 1, "axes"));
  return make_operator<Squeeze>(std::move(axes));
}

Result<OperatorPtr> parse_unsqueeze(const Node& node) {
  Attributes attributes(node);
  const bool as_attribute = node.opset < 13;
  if (as_attribute) attributes.require("axes");
  std::optional<Integers> axes = list(attributes, "axes", as_attribute);
  FOVEA_TRY(attributes.finish());
  FOVEA_TRY(expect_inputs(node, as_attribute ? 1 : 2, "axes"));
  return make_operator<Unsqueeze>(std::move(axes));
}

}  // namespace fovea::ops
