#include "ops/fovea_attention.h"

#include <cmath>

#include "base/checked.h"
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

constexpr DType kF32[] = {DType::f32};

/// Error: an element of the view lies outside a tensor of `size` elements.
Result<void> check_view(const HeadView& view, const int64_t (&extents)[4], int64_t size, std::string_view name) {
  const int64_t strides[] = {view.batch, view.head, view.token, view.channel};
  std::optional<int64_t> last = view.offset;
  bool backwards = view.offset < 0;
  for (size_t d = 0; d < 4; ++d) {
    backwards = backwards || strides[d] < 0;
    const auto step = checked_mul(strides[d], extents[d] - 1);
    last = last && step ? checked_add(*last, *step) : std::nullopt;
  }
  if (backwards || !last || *last >= size)
    return invalid_model("attribute \"{}\" reaches outside the {} elements of its tensor", name, size);
  return {};
}

Result<HeadView> read_view(Attributes& attributes, std::string_view name) {
  attributes.require(name);
  const std::vector<int64_t> v = attributes.integers(name);
  if (v.size() != 5) return invalid_model("attribute \"{}\" has {} numbers instead of 5", name, v.size());
  return HeadView{v[0], v[1], v[2], v[3], v[4]};
}

}  // namespace

Result<Types> FoveaAttention::infer(const Inputs& in) const {
  for (size_t i = 0; i < in.size(); ++i)
    if (in.has(i)) FOVEA_TRY(expect_dtype(in, i, kF32));
  FOVEA_TRY(check_view(q, {batch, heads, queries, depth}, element_count(in.shape(0)), "q"));
  FOVEA_TRY(check_view(k, {batch, heads, keys, depth}, element_count(in.shape(1)), "k"));
  FOVEA_TRY(check_view(v, {batch, heads, keys, value_depth}, element_count(in.shape(2)), "v"));
  if (in.has(3)) {
    const Shape scores{batch, heads, queries, keys};
    if (FOVEA_TRY(broadcast(in.shape(3), scores)) != scores)
      return invalid_model("the mask {} does not fit scores {}", to_string(in.type(3)), to_string(scores));
  }
  if (rope_q || rope_k) {
    if (!in.has(4) || !in.has(5)) return invalid_model("a rotary embedding without its tables");
    const int64_t tokens = rope_q ? queries : keys;
    if (depth % 2 != 0 || rope.skip < 0 || rope.skip > tokens || (rope_q && rope_k && queries != keys))
      return invalid_model("a rotary embedding that does not fit {} queries and {} keys", queries, keys);
    for (size_t i = 4; i < 6; ++i) FOVEA_TRY(expect_shape(in, i, Shape{tokens - rope.skip, depth}));
  }
  return Types{{DType::f32, {batch, queries, heads, value_depth}}};
}

Result<void> FoveaAttention::compute(Args in, Outs out) const {
  const auto *qs = in[0].as<float>(), *ks = in[1].as<float>(), *vs = in[2].as<float>();
  const bool masked = in.size() > 3 && in[3].present();
  const Shape mask_strides = masked ? broadcast_strides(in[3].shape, Shape{batch, heads, queries, keys}) : Shape{};
  const auto rotated = [&](const float* x, const HeadView& view, bool apply, int64_t b, int64_t h, int64_t t,
                           int64_t c) {
    const auto plain = static_cast<double>(x[view.at(b, h, t, c)]);
    if (!apply || t < rope.skip) return plain;
    const int64_t i = (t - rope.skip) * depth + c;
    const double other = x[view.at(b, h, t, rope.partner(c, depth))] * rope.sign(c, depth);
    return plain * in[4].as<float>()[i] + other * in[5].as<float>()[i];
  };
  auto* y = out[0].as<float>();
  Tensor row = FOVEA_TRY(Tensor::allocate(DType::f64, {keys}));
  auto* scores = row.mutable_view().as<double>();
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t i = 0; i < queries; ++i) {
        double most = -HUGE_VAL, total = 0;
        for (int64_t j = 0; j < keys; ++j) {
          double sum = 0;
          for (int64_t c = 0; c < depth; ++c)
            sum += rotated(qs, q, rope_q, b, h, i, c) * rotated(ks, k, rope_k, b, h, j, c);
          scores[j] = sum * static_cast<double>(scale);
          if (masked)
            scores[j] +=
                in[3]
                    .as<float>()[b * mask_strides[0] + h * mask_strides[1] + i * mask_strides[2] + j * mask_strides[3]];
          most = std::isnan(scores[j]) || scores[j] > most ? scores[j] : most;
        }
        for (int64_t j = 0; j < keys; ++j) total += scores[j] = std::exp(scores[j] - most);
        for (int64_t c = 0; c < value_depth; ++c) {
          double sum = 0;
          for (int64_t j = 0; j < keys; ++j) sum += scores[j] / total * static_cast<double>(vs[v.at(b, h, j, c)]);
          if (nan_to_zero && std::isnan(total)) sum = 0;
          y[((b * queries + i) * heads + h) * value_depth + c] = static_cast<float>(sum);
        }
      }
  return {};
}

Result<OperatorPtr> parse_fovea_attention(const Node& node) {
  Attributes attributes(node);
  FoveaAttention op;
  attributes.require("sizes");
  const std::vector<int64_t> sizes = attributes.integers("sizes");
  if (sizes.size() != 6) return invalid_model("attribute \"sizes\" has {} numbers instead of 6", sizes.size());
  int64_t total = 1;
  for (const int64_t size : sizes) {
    if (size < 1) return invalid_model("attribute \"sizes\" has an extent of {}", size);
    const auto product = checked_mul(total, size);
    if (!product) return invalid_model("attribute \"sizes\" overflows");
    total = *product;
  }
  op.batch = sizes[0], op.heads = sizes[1], op.queries = sizes[2];
  op.keys = sizes[3], op.depth = sizes[4], op.value_depth = sizes[5];
  op.q = FOVEA_TRY(read_view(attributes, "q"));
  op.k = FOVEA_TRY(read_view(attributes, "k"));
  op.v = FOVEA_TRY(read_view(attributes, "v"));
  op.scale = attributes.number("scale", 1);
  op.nan_to_zero = attributes.flag("nan_to_zero", false);
  const int64_t rope = attributes.integer("rope", 0);
  op.rope_q = (rope & 1) != 0;
  op.rope_k = (rope & 2) != 0;
  op.rope.skip = attributes.integer("rope_skip", 0);
  op.rope.interleaved = attributes.flag("interleaved", false);
  FOVEA_TRY(attributes.finish());
  return make_operator<FoveaAttention>(std::move(op));
}

}  // namespace fovea::ops
