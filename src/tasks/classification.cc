#include "tasks/classification.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace fovea::tasks {
namespace {

template <class T>
void append(const Tensor& tensor, std::vector<float>& values) {
  for (const T& value : tensor.values<T>()) values.push_back(static_cast<float>(value));
}

Result<std::vector<float>> as_floats(const Tensor& tensor) {
  std::vector<float> values;
  values.reserve(static_cast<size_t>(tensor.size()));
  switch (tensor.dtype()) {
    case DType::f32: append<float>(tensor, values); break;
    case DType::f64: append<double>(tensor, values); break;
    case DType::f16: append<f16>(tensor, values); break;
    case DType::bf16: append<bf16>(tensor, values); break;
    case DType::i8: append<int8_t>(tensor, values); break;
    case DType::u8: append<uint8_t>(tensor, values); break;
    case DType::i32: append<int32_t>(tensor, values); break;
    case DType::i64: append<int64_t>(tensor, values); break;
    default: return unsupported("scores of type {}", name_of(tensor.dtype()));
  }
  return values;
}

}  // namespace

std::vector<double> softmax(std::span<const float> scores) {
  std::vector<double> result(scores.size());
  const float best = scores.empty() ? 0 : *std::ranges::max_element(scores);
  double sum = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    const bool infinite = std::isinf(best) && best > 0;  // inf - inf would be NaN
    result[i] = infinite && !std::isnan(scores[i]) ? (scores[i] == best ? 1.0 : 0.0)
                                                   : std::exp(static_cast<double>(scores[i]) - best);
    sum += result[i];
  }
  for (double& value : result) value /= sum;
  return result;
}

bool is_distribution(std::span<const float> scores) {
  double sum = 0;
  for (float score : scores) {
    if (!(score >= 0)) return false;
    sum += score;
  }
  return std::fabs(sum - 1) <= 1e-3;  // what fp16 rounding leaves of 1 for thousands of classes
}

std::vector<Ranked> top_k(std::span<const double> values, int64_t k) {
  std::vector<int64_t> order(values.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  const auto count = std::clamp<int64_t>(k, 0, static_cast<int64_t>(values.size()));
  const auto value = [&](int64_t i) { return values[static_cast<size_t>(i)]; };
  std::partial_sort(order.begin(), order.begin() + count, order.end(), [&](int64_t a, int64_t b) {
    const bool a_nan = std::isnan(value(a)), b_nan = std::isnan(value(b));
    if (a_nan != b_nan) return b_nan;
    if (!a_nan && value(a) != value(b)) return value(a) > value(b);
    return a < b;
  });
  std::vector<Ranked> best;
  for (int64_t i = 0; i < count; ++i)
    best.push_back({order[static_cast<size_t>(i)], value(order[static_cast<size_t>(i)])});
  return best;
}

Result<Scores> scores_of(const Tensor& output) {
  const Shape& shape = output.shape();
  Scores scores;
  if (shape.size() == 1) {
    scores.batch = 1;
    scores.classes = shape[0];
  } else if (shape.size() == 2) {
    scores.batch = shape[0];
    scores.classes = shape[1];
  } else if (shape.size() == 4 && ((shape[2] == 1 && shape[3] == 1) || (shape[1] == 1 && shape[2] == 1))) {
    scores.batch = shape[0];
    scores.classes = shape[1] * shape[3];
  } else {
    return unsupported("an output of shape {} is not one score a class", to_string(shape))
        .with_fix("use fovea run, which writes whatever the model answers");
  }
  if (scores.batch < 1 || scores.classes < 1)
    return unsupported("an output of shape {} holds no scores", to_string(shape));
  scores.values = FOVEA_TRY(as_floats(output));
  return scores;
}

Result<std::vector<Ranked>> classify_scores(std::span<const float> scores, Activation activation, int64_t k) {
  const auto undefined = std::ranges::count_if(scores, [](float score) { return std::isnan(score); });
  if (undefined > 0)
    return invalid_model("the model answered NaN for {} of {} classes", undefined, scores.size())
        .with_fix("check the model's weights, and mean and std of its recipe");
  std::vector<double> probabilities(scores.begin(), scores.end());
  if (activation == Activation::none && !is_distribution(scores)) probabilities = softmax(scores);
  return top_k(probabilities, k);
}

std::string label_or_index(std::span<const std::string> labels, int64_t index) {
  const auto i = static_cast<size_t>(index);
  return i < labels.size() && !labels[i].empty() ? labels[i] : fmt::format("class {}", index);
}

}  // namespace fovea::tasks
