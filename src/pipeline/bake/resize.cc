#include "pipeline/bake/resize.h"

#include <algorithm>
#include <numbers>

#include "base/error.h"
#include "image/filters.h"

namespace fovea::pipeline {
namespace {

using image::Interpolation;

/// One axis: `in` pixels become `out`, of which `kept` are needed.
struct Axis {
  ValueId in, out;
  const Window& kept;

  bool resizes() const { return in != out; }
  bool crops() const { return kept.count != out; }
};

ValueId scalar(Builder& b, float value) { return b.constant(Tensor::scalar(value)); }

/// floor(x + 0.5) within 0 to 255, as Pillow ends each pass.
ValueId to_levels(Builder& b, ValueId x) {
  const ValueId rounded = b.make("Floor", {b.add(x, b.number(0.5f))});
  return b.make("Clip", {rounded, scalar(b, 0), scalar(b, 255)});
}

ValueId crop(Builder& b, ValueId x, const Axis& y_axis, const Axis& x_axis) {
  if (!y_axis.crops() && !x_axis.crops()) return x;
  const Window &rows = y_axis.kept, &columns = x_axis.kept;
  const ValueId starts = b.concat({rows.from, columns.from});
  return b.make("Slice", {x, starts, b.add(starts, b.concat({rows.count, columns.count})), b.integers({2, 3})});
}

ValueId by_operator(Builder& b, bool is_cubic, ValueId x, ValueId height, ValueId width) {
  const ValueId outer = b.make("Slice", {b.make("Shape", {x}), b.integer(0), b.integer(2)});
  Builder::Attributes attributes = {{"mode", std::string(is_cubic ? "cubic" : "linear")},
                                    {"coordinate_transformation_mode", std::string("half_pixel")},
                                    {"antialias", int64_t{1}},
                                    {"exclude_outside", int64_t{1}}};  // weights beyond the edge are renormalised
  if (is_cubic) attributes["cubic_coeff_a"] = -0.5f;
  return b.make("Resize", {x, kNoValue, kNoValue, b.concat({outer, height, width})}, std::move(attributes));
}

/// Pillow's filter at distance t, f32.
ValueId filter(Builder& b, Interpolation interpolation, ValueId t) {
  const auto n = [&](double value) { return b.number(static_cast<float>(value)); };
  const ValueId x = b.make("Abs", {t});
  const auto sinc = [&](ValueId v) {
    const ValueId angle = b.mul(v, n(std::numbers::pi));
    return b.where(b.less(v, n(1e-6)), n(1), b.div(b.make("Sin", {angle}), angle));
  };
  switch (interpolation) {
    case Interpolation::box: {
      const ValueId inside = b.make("And", {b.less(n(-0.5), t), b.make("LessOrEqual", {t, n(0.5)})});
      return b.cast(inside, DType::f32);
    }
    case Interpolation::bilinear: return b.max(b.sub(n(1), x), n(0));
    case Interpolation::hamming: {
      const ValueId window = b.add(b.mul(b.make("Cos", {b.mul(x, n(std::numbers::pi))}), n(0.46)), n(0.54));
      return b.where(b.less(x, n(1)), b.mul(sinc(x), window), n(0));
    }
    case Interpolation::lanczos: return b.where(b.less(x, n(3)), b.mul(sinc(x), sinc(b.div(x, n(3)))), n(0));
    case Interpolation::nearest:
    case Interpolation::bicubic: break;
  }
  // ((a + 2) x - (a + 3)) x x + 1 below 1, (((x - 5) x + 8) x - 4) a below 2, with a = -0.5.
  const ValueId near = b.add(b.mul(b.mul(b.sub(b.mul(x, n(1.5)), n(2.5)), x), x), n(1));
  const ValueId far = b.mul(b.sub(b.mul(b.add(b.mul(b.sub(x, n(5)), x), n(8)), x), n(4)), n(-0.5));
  return b.where(b.less(x, n(1)), near, b.where(b.less(x, n(2)), far, n(0)));
}

/// Numbers 2 i + 1 of a range, as {n, 1} or {1, n}.
ValueId odd_numbers(Builder& b, ValueId begin, ValueId count, int64_t new_axis) {
  const ValueId odd = b.add(b.mul(b.range(begin, count), b.integer(2)), b.integer(1));
  return b.make("Unsqueeze", {odd, b.integer(new_axis)});
}

/// Weights of the kept outputs, f32 {in, kept}, computed when the photo's size is known. With i an output and j an
/// input, the distance ((j + 0.5) - (i + 0.5) in / out) / max(in / out, 1) is a quotient of whole numbers, which are
/// exact where a centre in f32 would not be.
ValueId weights_in_graph(Builder& b, Interpolation interpolation, const Axis& axis) {
  const ValueId outputs = odd_numbers(b, axis.kept.from, axis.kept.count, 0);
  const ValueId inputs = odd_numbers(b, b.integer(0), axis.in, 1);
  const ValueId numerator = b.sub(b.mul(inputs, axis.out), b.mul(outputs, axis.in));
  const ValueId denominator = b.mul(b.max(axis.in, axis.out), b.integer(2));
  const ValueId distance = b.div(b.cast(numerator, DType::f32), b.cast(denominator, DType::f32));
  const ValueId weights = filter(b, interpolation, distance);
  return b.div(weights, b.make("ReduceSum", {weights, b.integer(0)}, {{"keepdims", int64_t{1}}}));
}

/// The same for a known size: Pillow's own weights, whole multiples of 2^-22, which f32 holds.
Result<ValueId> known_weights(Builder& b, Interpolation interpolation, int64_t in, int64_t out, int64_t begin,
                              int64_t count) {
  const auto taps = FOVEA_TRY(image::FilterTaps::create(interpolation, in, static_cast<double>(in), out, begin, count));
  Tensor matrix = FOVEA_TRY(Tensor::allocate(DType::f32, {in, count}));
  auto* values = matrix.mutable_view().as<float>();
  constexpr float kUnit = 1.0f / (1 << kernels::kResampleBits);
  for (int64_t i = 0; i < count; ++i)
    for (int64_t t = 0; t < taps.count(i); ++t)
      values[(taps.first(i) + t) * count + i] = static_cast<float>(taps.weights(i)[t]) * kUnit;
  return b.constant(std::move(matrix));
}

Result<ValueId> weights(Builder& b, Interpolation interpolation, const Axis& axis) {
  const auto in = b.known(axis.in), out = b.known(axis.out), begin = b.known(axis.kept.from),
             count = b.known(axis.kept.count);
  if (in && out && begin && count) return known_weights(b, interpolation, *in, *out, *begin, *count);
  return weights_in_graph(b, interpolation, axis);
}

/// Input (2 i + 1) in / (2 out), truncated, for output i. Pillow adds up a step in f64: where that is a whole number,
/// it may take the pixel before. For a known size its own indices are taken.
ValueId nearest(Builder& b, ValueId x, const Axis& axis, int64_t dimension) {
  const auto in = b.known(axis.in), out = b.known(axis.out), begin = b.known(axis.kept.from),
             count = b.known(axis.kept.count);
  if (in && out && begin && count) {
    std::vector<int64_t> indices(static_cast<size_t>(*count));
    image::nearest_indices(*in, *out, *begin, *count, indices.data());
    for (int64_t& index : indices)
      if (index < 0) index = *in - 1;  // rounding left the image: Pillow leaves black
    return b.make("Gather", {x, b.integers(indices)}, {{"axis", dimension}});
  }
  const ValueId odd = b.add(b.mul(b.range(axis.kept.from, axis.kept.count), b.integer(2)), b.integer(1));
  const ValueId index = b.div(b.mul(odd, axis.in), b.mul(axis.out, b.integer(2)));
  return b.make("Gather", {x, index}, {{"axis", dimension}});
}

/// Pillow's rule since its version 13 (image/resample.cc): rows first, but for photos that shrink in height by more
/// than twice as much as in width. Bool {1}.
ValueId columns_first(Builder& b, const Axis& y_axis, const Axis& x_axis) {
  const ValueId lower = b.sub(y_axis.in, y_axis.out), narrower = b.max(b.sub(x_axis.in, x_axis.out), b.integer(0));
  return b.make("And", {b.less(b.integer(0), lower), b.less(b.mul(narrower, b.integer(2)), lower)});
}

/// Pillow's two passes, each a Resize along one axis, so that bytes are rounded in between.
ValueId by_two_operators(Builder& b, bool is_cubic, ValueId x, const Axis& y_axis, const Axis& x_axis) {
  const ValueId by_columns = columns_first(b, y_axis, x_axis);
  const ValueId height = b.where(by_columns, y_axis.out, y_axis.in);
  const ValueId width = b.where(by_columns, x_axis.in, x_axis.out);
  return by_operator(b, is_cubic, by_operator(b, is_cubic, x, height, width), y_axis.out, x_axis.out);
}

/// The two passes as products. Their order is part of the graph: where only the photo shows it, rows come first. (An If
/// would choose, but OpenVINO 2026.4 answers the first photo with garbage then.)
Result<ValueId> by_products(Builder& b, Interpolation interpolation, ValueId x, const Axis& y_axis,
                            const Axis& x_axis) {
  const ValueId across = FOVEA_TRY(weights(b, interpolation, x_axis));
  const ValueId down = b.transpose(FOVEA_TRY(weights(b, interpolation, y_axis)), {1, 0});
  const Tensor* by_columns = b.graph().constant(columns_first(b, y_axis, x_axis));
  const auto product = [&](ValueId left, ValueId right) { return to_levels(b, b.make("MatMul", {left, right})); };
  if (by_columns != nullptr && *by_columns->data<bool>()) return product(product(down, x), across);
  return product(down, product(x, across));
}

}  // namespace

std::string_view name_of(BakeResize resize) {
  constexpr std::string_view kNames[] = {"operator", "bytes", "matmul"};
  return kNames[static_cast<size_t>(resize)];
}

bool needs_matmul(Interpolation interpolation) {
  return interpolation == Interpolation::box || interpolation == Interpolation::hamming ||
         interpolation == Interpolation::lanczos;
}

Result<ValueId> resize_and_crop(Builder& b, BakeResize how, Interpolation interpolation, ValueId photo, Extents from,
                                Extents size, const Window& rows, const Window& columns) {
  const Axis y_axis{from.height, size.height, rows}, x_axis{from.width, size.width, columns};
  const auto as_floats = [&](ValueId x) { return how == BakeResize::matmul ? x : b.cast(x, DType::f32); };
  if (!y_axis.resizes() && !x_axis.resizes()) return as_floats(crop(b, photo, y_axis, x_axis));
  if (interpolation == Interpolation::nearest) return as_floats(nearest(b, nearest(b, photo, y_axis, 2), x_axis, 3));
  if (how == BakeResize::matmul) return by_products(b, interpolation, photo, y_axis, x_axis);
  const bool is_cubic = interpolation == Interpolation::bicubic;
  if (how == BakeResize::bytes)
    return as_floats(crop(b, by_two_operators(b, is_cubic, photo, y_axis, x_axis), y_axis, x_axis));
  const ValueId resized = by_operator(b, is_cubic, as_floats(photo), size.height, size.width);
  return to_levels(b, crop(b, resized, y_axis, x_axis));
}

}  // namespace fovea::pipeline
