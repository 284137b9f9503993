// ONNX Attention, opset 23 to 27.
#include "ops/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/checked.h"
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/shapes.h"
#include "ops/widen.h"

namespace fovea::ops {
namespace {

constexpr double kExcluded = -std::numeric_limits<double>::infinity();

bool given(Args in, size_t i) { return i < in.size() && in[i].present(); }
bool wanted(Outs out, size_t i) { return i < out.size() && out[i].present(); }

/// Past and new keys (or values) as {batch, kv_heads, total_length, size}.
Result<Tensor> join(const AttentionGeometry& g, const TensorView& fresh, const TensorView* past, int64_t size) {
  const Tensor from = FOVEA_TRY(widen<double>(fresh));
  Tensor joined = FOVEA_TRY(Tensor::allocate(DType::f64, {g.batch, g.kv_heads, g.total_length(), size}));
  const Tensor before = past != nullptr ? FOVEA_TRY(widen<double>(*past)) : Tensor();
  const HeadStrides strides = g.strides(g.kv_heads, g.kv_length, size);
  auto* to = joined.mutable_view().as<double>();
  for (int64_t b = 0; b < g.batch; ++b)
    for (int64_t h = 0; h < g.kv_heads; ++h) {
      const int64_t old = g.past_length * size;
      if (past != nullptr) to = std::copy_n(before.data<double>() + (b * g.kv_heads + h) * old, old, to);
      for (int64_t i = 0; i < g.kv_length; ++i)
        to = std::copy_n(from.data<double>() + b * strides.batch + h * strides.head + i * strides.row, size, to);
    }
  return joined;
}

/// What is added to the scores: a float mask, or 0 and -inf for a bool one. Columns that a mask lacks are excluded.
struct Bias {
  Tensor values;
  Shape strides{0, 0, 0, 0};
  int64_t columns = std::numeric_limits<int64_t>::max();

  double at(int64_t b, int64_t h, int64_t i, int64_t j) const {
    if (j >= columns) return kExcluded;
    if (values.raw() == nullptr) return 0;
    return values.data<double>()[b * strides[0] + h * strides[1] + i * strides[2] + j * strides[3]];
  }
};

Result<Bias> read_bias(const AttentionGeometry& g, const TensorView& mask) {
  Bias bias;
  bias.columns = mask.shape.back();
  bias.strides = broadcast_strides(mask.shape, Shape{g.batch, g.q_heads, g.q_length, bias.columns});
  Tensor values = FOVEA_TRY(Tensor::allocate(DType::f64, Shape(mask.shape.begin(), mask.shape.end())));
  auto* to = values.mutable_view().as<double>();
  read_block(mask.dtype, mask.data, values.size(), to);
  if (mask.dtype == DType::boolean)
    for (int64_t i = 0; i < values.size(); ++i) to[i] = to[i] != 0 ? 0 : kExcluded;
  bias.values = std::move(values);
  return bias;
}

/// Scores to probabilities, in place. Excluded keys get 0; so do all where all are excluded.
void softmax(std::vector<double>& scores) {
  double largest = kExcluded, sum = 0;
  for (const double score : scores) largest = std::fmax(largest, score);
  for (double& score : scores) {
    score = score == kExcluded ? 0 : std::exp(score - largest);
    sum += score;
  }
  if (largest != kExcluded)
    for (double& score : scores) score /= sum;
}

}  // namespace

Shape AttentionGeometry::output() const {
  return packed ? Shape{batch, q_length, q_heads * v_head_size} : Shape{batch, q_heads, q_length, v_head_size};
}

Result<AttentionGeometry> Attention::resolve(std::span<const int64_t> q, std::span<const int64_t> k,
                                             std::span<const int64_t> v, std::span<const int64_t> past_key) const {
  for (const auto shape : {q, k, v}) FOVEA_TRY(checked_bytes(DType::f64, shape));
  const auto misfit = [&] {
    return invalid_model("Q {}, K {} and V {} do not fit together", to_string(q), to_string(k), to_string(v));
  };
  if ((q.size() != 3 && q.size() != 4) || k.size() != q.size() || v.size() != q.size()) return misfit();
  AttentionGeometry g;
  g.packed = q.size() == 3;
  g.batch = q[0];
  if (g.packed) {
    if (q_heads < 1 || kv_heads < 1)
      return invalid_model("attributes \"q_num_heads\" and \"kv_num_heads\" must be given for operands of rank 3");
    if (q[2] % q_heads != 0 || k[2] % kv_heads != 0 || v[2] % kv_heads != 0) return misfit();
    g.q_heads = q_heads, g.kv_heads = kv_heads;
    g.q_length = q[1], g.kv_length = k[1];
    g.head_size = q[2] / q_heads, g.v_head_size = v[2] / kv_heads;
    if (k[2] / kv_heads != g.head_size || v[1] != k[1]) return misfit();
  } else {
    g.q_heads = q[1], g.kv_heads = k[1];
    g.q_length = q[2], g.kv_length = k[2];
    g.head_size = q[3], g.v_head_size = v[3];
    if (k[3] != g.head_size || v[1] != k[1] || v[2] != k[2]) return misfit();
    if ((q_heads != 0 && q_heads != g.q_heads) || (kv_heads != 0 && kv_heads != g.kv_heads)) return misfit();
  }
  if (k[0] != g.batch || v[0] != g.batch || g.kv_heads < 1 || g.q_heads % g.kv_heads != 0) return misfit();
  if (past_key.size() == 4) g.past_length = past_key[2];
  if (!checked_mul(g.q_heads, g.v_head_size) || g.past_length < 0 || !checked_add(g.past_length, g.kv_length))
    return misfit();
  return g;
}

Result<Types> Attention::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 0, kFloats));
  FOVEA_TRY(expect_same_dtype(in, 0, 1));
  FOVEA_TRY(expect_dtype(in, 2, kFloats));
  if (in.has(4) != in.has(5)) return invalid_model("past_key and past_value belong together");
  if (in.has(4)) FOVEA_TRY(expect_rank(in, 4, 4));
  const AttentionGeometry g = FOVEA_TRY(
      resolve(in.shape(0), in.shape(1), in.shape(2), in.has(4) ? std::span(in.shape(4)) : std::span<const int64_t>()));
  const Shape scores{g.batch, g.q_heads, g.q_length, g.total_length()};
  if (in.has(3)) {
    constexpr DType kMasks[] = {DType::boolean, DType::f32, DType::f64, DType::f16, DType::bf16};
    FOVEA_TRY(expect_dtype(in, 3, kMasks));
    const Shape& mask = in.shape(3);
    Shape target = scores;
    if (!mask.empty()) target.back() = mask.back();
    const auto both = broadcast(target, mask);
    if (mask.empty() || mask.back() > g.total_length() || !both.ok() || *both != target)
      return invalid_model("a mask of shape {} does not fit scores of shape {}", to_string(mask), to_string(scores));
  }
  if (in.has(4)) {
    FOVEA_TRY(expect_same_dtype(in, 1, 4));
    FOVEA_TRY(expect_same_dtype(in, 2, 5));
    FOVEA_TRY(expect_shape(in, 4, Shape{g.batch, g.kv_heads, g.past_length, g.head_size}));
    FOVEA_TRY(expect_shape(in, 5, Shape{g.batch, g.kv_heads, g.past_length, g.v_head_size}));
  }
  if (in.has(6)) {
    constexpr DType kLengths[] = {DType::i64};
    FOVEA_TRY(expect_dtype(in, 6, kLengths));
    FOVEA_TRY(expect_shape(in, 6, Shape{g.batch}));
    if (in.has(4)) return invalid_model("nonpad_kv_seqlen and past_key exclude each other");
  }
  Types types;
  types.push_back(FOVEA_TRY(checked_type(in.dtype(0), g.output())));
  types.push_back(FOVEA_TRY(checked_type(in.dtype(1), {g.batch, g.kv_heads, g.total_length(), g.head_size})));
  types.push_back(FOVEA_TRY(checked_type(in.dtype(2), {g.batch, g.kv_heads, g.total_length(), g.v_head_size})));
  types.push_back(FOVEA_TRY(checked_type(in.dtype(0), scores)));
  types.resize(in.output_count());
  return types;
}

Result<void> Attention::compute(Args in, Outs out) const {
  const bool has_past = given(in, 4);
  const AttentionGeometry g =
      FOVEA_TRY(resolve(in[0].shape, in[1].shape, in[2].shape, has_past ? in[4].shape : std::span<const int64_t>()));
  const Tensor query = FOVEA_TRY(widen<double>(in[0]));
  const Tensor keys = FOVEA_TRY(join(g, in[1], has_past ? &in[4] : nullptr, g.head_size));
  const Tensor values = FOVEA_TRY(join(g, in[2], has_past ? &in[5] : nullptr, g.v_head_size));
  if (wanted(out, 1)) narrow(keys.data<double>(), keys.size(), out[1]);
  if (wanted(out, 2)) narrow(values.data<double>(), values.size(), out[2]);
  const Bias bias = given(in, 3) ? FOVEA_TRY(read_bias(g, in[3])) : Bias();
  const double factor = scale ? static_cast<double>(*scale) : 1 / std::sqrt(static_cast<double>(g.head_size));
  const double cap = static_cast<double>(softcap);
  const HeadStrides from = g.strides(g.q_heads, g.q_length, g.head_size);
  const HeadStrides to = g.strides(g.q_heads, g.q_length, g.v_head_size);
  const int64_t total = g.total_length();
  std::vector<double> scores(static_cast<size_t>(total)), exposed(scores), row(static_cast<size_t>(g.v_head_size));

  for (int64_t b = 0; b < g.batch; ++b) {
    int64_t valid = total, offset = g.past_length;
    if (given(in, 6)) {
      valid = in[6].as<int64_t>()[b];
      if (valid < 0 || valid > total)
        return invalid_argument("nonpad_kv_seqlen {} of image {} is outside 0 to {}", valid, b, total);
      offset = valid - g.q_length;
    }
    for (int64_t h = 0; h < g.q_heads; ++h) {
      const int64_t kv = b * g.kv_heads + h / (g.q_heads / g.kv_heads);
      const double* k = keys.data<double>() + kv * total * g.head_size;
      const double* v = values.data<double>() + kv * total * g.v_head_size;
      for (int64_t i = 0; i < g.q_length; ++i) {
        const double* q = query.data<double>() + b * from.batch + h * from.head + i * from.row;
        const int64_t position = i + offset;
        for (int64_t j = 0; j < total; ++j) {
          double score = 0;
          for (int64_t d = 0; d < g.head_size; ++d) score += q[d] * k[j * g.head_size + d];
          score *= factor;
          const double raw = score;
          if (cap > 0) score = cap * std::tanh(score / cap);
          const bool seen = j < valid && (!causal || j <= position) &&
                            (left_window < 0 || position - j <= left_window) &&
                            (right_window < 0 || j - position <= right_window);
          const double shift = seen ? bias.at(b, h, i, j) : kExcluded;
          const auto at = static_cast<size_t>(j);
          scores[at] = shift == kExcluded ? kExcluded : score + shift;
          exposed[at] = qk_output == QkOutput::raw ? raw : qk_output == QkOutput::capped ? score : scores[at];
        }
        softmax(scores);
        if (wanted(out, 3))
          narrow(qk_output == QkOutput::probabilities ? scores.data() : exposed.data(), total, out[3],
                 ((b * g.q_heads + h) * g.q_length + i) * total);
        std::ranges::fill(row, 0);
        for (int64_t j = 0; j < total; ++j) {
          const double p = scores[static_cast<size_t>(j)];
          if (p == 0) continue;  // what is excluded may be anything, even NaN
          for (int64_t d = 0; d < g.v_head_size; ++d) row[static_cast<size_t>(d)] += p * v[j * g.v_head_size + d];
        }
        narrow(row.data(), g.v_head_size, out[0], b * to.batch + h * to.head + i * to.row);
      }
    }
  }
  return {};
}

Result<OperatorPtr> parse_attention(const Node& node) {
  Attributes attributes(node);
  auto op = std::make_unique<Attention>();
  op->causal = attributes.flag("is_causal", false);
  const float scale = attributes.number("scale", 0);
  if (attributes.has("scale")) op->scale = scale;
  op->softcap = attributes.number("softcap", 0);
  op->q_heads = attributes.integer("q_num_heads", 0);
  op->kv_heads = attributes.integer("kv_num_heads", 0);
  op->left_window = attributes.integer("left_window_size", -1);
  op->right_window = attributes.integer("right_window_size", -1);
  const int64_t mode = attributes.integer("qk_matmul_output_mode", 0);
  attributes.ignore("softmax_precision");  // a least precision; ours is double
  FOVEA_TRY(attributes.finish());
  if (mode < 0 || mode > 3) return invalid_model("attribute \"qk_matmul_output_mode\" is {}, but must be 0 to 3", mode);
  if (op->left_window < -1 || op->right_window < -1)
    return invalid_model("windows of {} and {} keys; the least is -1", op->left_window, op->right_window);
  op->qk_output = static_cast<Attention::QkOutput>(mode);
  return OperatorPtr(std::move(op));
}

}  // namespace fovea::ops
