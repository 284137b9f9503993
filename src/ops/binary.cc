// Elementwise functions of two operands, a line each.
#include "ops/binary.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/arithmetic.h"
#include "ops/catalogue.h"
#include "ops/outputs.h"

namespace fovea::ops {
namespace {

template <class C, class F>
void block(const C* __restrict a, const C* __restrict b, C* __restrict y, int64_t n) {
  map_block(y, n, [&](int64_t i) { return static_cast<C>(F{}(a[i], b[i])); });
}

// What a function is written for; the lambda is its only argument.
template <class F>
constexpr ForEachComputed<BinaryBlock> on_integers(F) {
  return {nullptr, nullptr, block<int64_t, F>, block<uint64_t, F>};
}
template <class F>
constexpr ForEachComputed<BinaryBlock> on_numbers(F) {
  return {block<float, F>, block<double, F>, block<int64_t, F>, block<uint64_t, F>};
}

constexpr DType kUnsigned[] = {DType::u8, DType::u16, DType::u32, DType::u64};

// clang-format off
constexpr BinaryFunction kFunctions[] = {
    // name, variant, dtypes, function, predicate
    {"Add", "", kNumbers, on_numbers([](auto a, auto b) { return add(a, b); })},
    {"And", "", kBoolean, on_integers([](auto a, auto b) { return a & b; })},
    {"BitShift", "LEFT", kUnsigned, on_integers([](auto a, auto b) { return shift_left(a, b); })},
    {"BitShift", "RIGHT", kUnsigned, on_integers([](auto a, auto b) { return shift_right(a, b); })},
    {"BitwiseAnd", "", kIntegers, on_integers([](auto a, auto b) { return a & b; })},
    {"BitwiseOr", "", kIntegers, on_integers([](auto a, auto b) { return a | b; })},
    {"BitwiseXor", "", kIntegers, on_integers([](auto a, auto b) { return a ^ b; })},
    {"Div", "", kNumbers, on_numbers([](auto a, auto b) { return divide(a, b); })},
    {"Equal", "", kAnyType, on_numbers([](auto a, auto b) { return a == b; }), true},
    {"Greater", "", kNumbers, on_numbers([](auto a, auto b) { return a > b; }), true},
    {"GreaterOrEqual", "", kNumbers, on_numbers([](auto a, auto b) { return a >= b; }), true},
    {"Less", "", kNumbers, on_numbers([](auto a, auto b) { return a < b; }), true},
    {"LessOrEqual", "", kNumbers, on_numbers([](auto a, auto b) { return a <= b; }), true},
    {"Mod", "", kIntegers, on_integers([](auto a, auto b) { return remainder_of_divisor(a, b); })},
    {"Mod", "fmod", kNumbers, on_numbers([](auto a, auto b) { return remainder_of_dividend(a, b); })},
    {"Mul", "", kNumbers, on_numbers([](auto a, auto b) { return multiply(a, b); })},
    {"Or", "", kBoolean, on_integers([](auto a, auto b) { return a | b; })},
    {"PRelu", "", kNumbers, on_numbers([](auto x, auto slope) { return x < 0 ? multiply(slope, x) : x; })},
    {"Sub", "", kNumbers, on_numbers([](auto a, auto b) { return subtract(a, b); })},
    {"Xor", "", kBoolean, on_integers([](auto a, auto b) { return a ^ b; })},
};
// clang-format on

}  // namespace

LegacyBroadcast LegacyBroadcast::parse(Attributes& attributes) {
  LegacyBroadcast result;
  result.enabled = attributes.flag("broadcast", false);
  const int64_t axis = attributes.integer("axis", 0);
  if (attributes.has("axis")) result.axis = axis;
  return result;
}

Result<Shape> LegacyBroadcast::align(std::span<const int64_t> first, std::span<const int64_t> second) const {
  Shape shape(second.begin(), second.end());
  const auto rank = static_cast<int64_t>(first.size()), own = static_cast<int64_t>(second.size());
  if (!enabled && !std::ranges::equal(first, second))
    return invalid_model("shapes {} and {} differ and \"broadcast\" is not set", to_string(first), to_string(second));
  if (!enabled || !axis || element_count(second) == 1) return shape;
  const int64_t from = *axis < 0 ? *axis + rank : *axis;
  if (from < 0 || from > rank || own > rank - from)
    return invalid_model("shape {} does not lie within {} from axis {} on", to_string(second), to_string(first), *axis);
  shape.resize(static_cast<size_t>(rank - from), 1);
  return shape;
}

Result<Types> Binary::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 0, function->dtypes));
  FOVEA_TRY(expect_same_dtype(in, 1, 0));
  const Shape second = legacy ? FOVEA_TRY(legacy->align(in.shape(0), in.shape(1))) : in.shape(1);
  Shape shape = FOVEA_TRY(broadcast(in.shape(0), second));
  if ((keeps_first_shape || legacy) && shape != in.shape(0))
    return invalid_model("shape {} does not broadcast to the first operand's {}", to_string(in.shape(1)),
                         to_string(in.shape(0)));
  const DType dtype = function->predicate ? DType::boolean : in.dtype(0);
  return one_output(dtype, std::move(shape));
}

Result<void> Binary::compute(Args in, Outs out) const {
  const Shape second =
      legacy ? FOVEA_TRY(legacy->align(in[0].shape, in[1].shape)) : Shape(in[1].shape.begin(), in[1].shape.end());
  const TensorView operands[] = {in[0], {in[1].dtype, second, in[1].data}};
  return dispatch_computed(in[0].dtype, [&]<class C>() -> Result<void> {
    const BinaryBlock<C> apply = std::get<BinaryBlock<C>>(function->blocks);
    if (apply == nullptr) return internal("{} of {}", function->name, name_of(in[0].dtype));
    for_each_block<C>(operands, out[0], [&](const C* const* x, C* y, int64_t n) { apply(x[0], x[1], y, n); });
    return {};
  });
}

Result<OperatorPtr> parse_binary(const Node& node) {
  Attributes attributes(node);
  std::string variant;
  if (node.op_type == "BitShift") {
    attributes.require("direction");
    variant = attributes.text("direction", "LEFT");
  }
  if (node.op_type == "Mod" && attributes.flag("fmod", false)) variant = "fmod";
  std::optional<LegacyBroadcast> legacy;
  const bool prelu = node.op_type == "PRelu";
  if (node.opset < 7 && !prelu) legacy = LegacyBroadcast::parse(attributes);
  // One slope for each channel, or one for all.
  if (node.opset < 7 && prelu) legacy = LegacyBroadcast{.enabled = true, .axis = 1};
  if (node.opset < 6) attributes.ignore("consumed_inputs");
  FOVEA_TRY(attributes.finish());
  const auto function = std::ranges::find_if(
      kFunctions, [&](const BinaryFunction& f) { return f.name == node.op_type && f.variant == variant; });
  if (function == std::end(kFunctions)) return invalid_model("{} has no variant \"{}\"", node.op_type, variant);
  return make_operator<Binary>(function, legacy, prelu);
}

}  // namespace fovea::ops
