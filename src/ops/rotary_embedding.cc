// ONNX RotaryEmbedding.
#include <vector>

#include "base/error.h"
#include "ops/attention.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/shapes.h"
#include "ops/widen.h"

namespace fovea::ops {
namespace {

struct Layout {
  int64_t batch, heads, length, size;  // `size` numbers for each head
  HeadStrides strides;
};

Result<Layout> layout_of(std::span<const int64_t> x, int64_t heads) {
  if (x.size() == 4) return Layout{x[0], x[1], x[2], x[3], {x[1] * x[2] * x[3], x[2] * x[3], x[3]}};
  if (heads < 1 || x[2] % heads != 0)
    return invalid_model("{} numbers cannot be put into {} heads (attribute \"num_heads\")", x[2], heads);
  return Layout{x[0], heads, x[1], x[2] / heads, {x[1] * x[2], x[2] / heads, x[2]}};
}

}  // namespace

Result<Types> RotaryEmbedding::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 0, kFloats));
  FOVEA_TRY(expect_same_dtype(in, 0, 1));
  FOVEA_TRY(expect_same_dtype(in, 0, 2));
  if (in.rank(0) != 3 && in.rank(0) != 4)
    return invalid_model("input 0 has shape {}, but must have rank 3 or 4", to_string(in.shape(0)));
  const TensorType type = FOVEA_TRY(checked_type(in.dtype(0), in.shape(0)));
  const Layout x = FOVEA_TRY(layout_of(type.shape, heads));
  const int64_t rotated = rotary_size == 0 ? x.size : rotary_size;
  if (rotated < 0 || rotated > x.size || rotated % 2 != 0)
    return invalid_model("{} of {} numbers cannot be rotated in pairs", rotated, x.size);
  const Shape angles = in.has(3) ? Shape{-1, rotated / 2} : Shape{x.batch, x.length, rotated / 2};
  FOVEA_TRY(expect_shape(in, 1, angles));
  FOVEA_TRY(expect_shape(in, 2, in.shape(1)));
  if (in.has(3)) {
    constexpr DType kPositions[] = {DType::i64};
    FOVEA_TRY(expect_dtype(in, 3, kPositions));
    FOVEA_TRY(expect_shape(in, 3, Shape{x.batch, x.length}));
  }
  return Types{type};
}

Result<void> RotaryEmbedding::compute(Args in, Outs out) const {
  const Layout l = FOVEA_TRY(layout_of(in[0].shape, heads));
  const int64_t half = (rotary_size == 0 ? l.size : rotary_size) / 2;
  const Tensor x = FOVEA_TRY(widen<double>(in[0]));
  const Tensor cosines = FOVEA_TRY(widen<double>(in[1])), sines = FOVEA_TRY(widen<double>(in[2]));
  const int64_t* positions = in.size() > 3 && in[3].present() ? in[3].as<int64_t>() : nullptr;
  const int64_t known = in[1].shape[0];
  std::vector<double> row(static_cast<size_t>(l.size));
  for (int64_t b = 0; b < l.batch; ++b)
    for (int64_t i = 0; i < l.length; ++i) {
      const int64_t position = positions ? positions[b * l.length + i] : b * l.length + i;
      if (positions && (position < 0 || position >= known))
        return invalid_argument("position {} is outside the {} that the cosines are given for", position, known);
      const double *c = cosines.data<double>() + position * half, *s = sines.data<double>() + position * half;
      for (int64_t h = 0; h < l.heads; ++h) {
        const int64_t first = b * l.strides.batch + h * l.strides.head + i * l.strides.row;
        row.assign(x.data<double>() + first, x.data<double>() + first + l.size);
        for (int64_t k = 0; k < half; ++k) {
          double& real = row[static_cast<size_t>(interleaved ? 2 * k : k)];
          double& imaginary = row[static_cast<size_t>(interleaved ? 2 * k + 1 : k + half)];
          const double turned = c[k] * real - s[k] * imaginary;
          imaginary = s[k] * real + c[k] * imaginary;
          real = turned;
        }
        narrow(row.data(), l.size, out[0], first);
      }
    }
  return {};
}

Result<OperatorPtr> parse_rotary_embedding(const Node& node) {
  Attributes attributes(node);
  const bool interleaved = attributes.flag("interleaved", false);
  const int64_t heads = attributes.integer("num_heads", 0);
  const int64_t rotary_size = attributes.integer("rotary_embedding_dim", 0);
  FOVEA_TRY(attributes.finish());
  return make_operator<RotaryEmbedding>(interleaved, heads, rotary_size);
}

}  // namespace fovea::ops
