// From the scores of a classifier to its best answers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "fovea/result.h"
#include "fovea/tensor.h"
#include "tasks/model_facts.h"

namespace fovea::tasks {

struct Ranked {
  int64_t index = 0;
  double probability = 0;
};

/// Softmax, in double precision. Infinite scores share the whole among themselves; NaN gives NaN.
std::vector<double> softmax(std::span<const float> scores);

/// Whether these are probabilities already: none negative, and one in sum.
bool is_distribution(std::span<const float> scores);

/// The k best (all, where there are fewer), the best first; of equals the lower index, NaN last.
std::vector<Ranked> top_k(std::span<const double> values, int64_t k);

/// Scores of a batch: a view as {batch, classes} of what the model answered.
struct Scores {
  int64_t batch = 0, classes = 0;
  std::vector<float> values;
  std::span<const float> row(int64_t i) const {
    return std::span(values).subspan(static_cast<size_t>(i * classes), static_cast<size_t>(classes));
  }
};

/// {batch, classes}, {batch, classes, 1, 1}, {batch, 1, 1, classes} or, of one photo, {classes}, of any number type.
/// Error: unsupported for another shape.
Result<Scores> scores_of(const Tensor& output);

/// The best k classes of one photo with their probabilities: softmax where the model has not done it itself. Error:
/// invalid_model, where scores are NaN: no order of them means anything.
Result<std::vector<Ranked>> classify_scores(std::span<const float> scores, Activation activation, int64_t k);

/// The label for people: "class 17" where there is none.
std::string label_or_index(std::span<const std::string> labels, int64_t index);

}  // namespace fovea::tasks
