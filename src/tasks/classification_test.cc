// Softmax, ranking, and the shapes that scores come in.
#include "tasks/classification.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fovea::tasks {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<int64_t> indices(const std::vector<Ranked>& ranked) {
  std::vector<int64_t> result;
  for (const Ranked& one : ranked) result.push_back(one.index);
  return result;
}

TEST(Softmax, SumsToOneAndSurvivesLargeScores) {
  const auto p = softmax(std::vector<float>{1000, 1001, -1000});
  EXPECT_NEAR(p[0] + p[1] + p[2], 1, 1e-12);
  EXPECT_NEAR(p[1], 1 / (1 + std::exp(-1.0)), 1e-12);
}

TEST(Softmax, InfiniteScoresShareTheWhole) {
  EXPECT_THAT(softmax(std::vector<float>{kInf, 3, kInf, -kInf}), testing::ElementsAre(0.5, 0, 0.5, 0));
}

TEST(TopK, EqualsComeByIndexAndNanComesLast) {
  const double nan = kNan;
  EXPECT_THAT(indices(top_k(std::vector<double>{nan, 2, 5, 2, nan, 7}, 6)), testing::ElementsAre(5, 2, 1, 3, 0, 4));
}

TEST(TopK, TakesWhatThereIs) {
  EXPECT_THAT(indices(top_k(std::vector<double>{1, 2}, 5)), testing::ElementsAre(1, 0));
  EXPECT_TRUE(top_k({}, 5).empty());
  EXPECT_TRUE(top_k(std::vector<double>{1}, -1).empty());
}

TEST(ClassifyScores, AppliesSoftmaxOnceOnly) {
  const std::vector<float> logits = {1, 2, 3};
  const auto once = *classify_scores(logits, Activation::none, 3);
  EXPECT_NEAR(once[0].probability, 0.66524, 1e-5);
  const std::vector<float> probabilities = {0.2f, 0.7f, 0.1f};
  EXPECT_NEAR((*classify_scores(probabilities, Activation::softmax, 1))[0].probability, 0.7, 1e-6);
  EXPECT_NEAR((*classify_scores(probabilities, Activation::none, 1))[0].probability, 0.7, 1e-6);
  const std::vector<float> independent = {0.9f, 0.8f};
  EXPECT_NEAR((*classify_scores(independent, Activation::sigmoid, 1))[0].probability, 0.9, 1e-6);
}

TEST(ClassifyScores, RefusesNan) {
  const auto result = classify_scores(std::vector<float>{1, kNan, 2}, Activation::none, 1);
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().message, testing::HasSubstr("NaN for 1 of 3"));
}

TEST(ScoresOf, TakesTheUsualShapesAndTypes) {
  for (const Shape& shape : {Shape{2, 3}, Shape{2, 3, 1, 1}, Shape{2, 1, 1, 3}}) {
    const auto scores = scores_of(Tensor::of<float>(shape, {1, 2, 3, 4, 5, 6}));
    ASSERT_TRUE(scores.ok());
    EXPECT_EQ(scores->classes, 3);
    EXPECT_EQ(scores->row(1)[0], 4);
  }
  EXPECT_EQ(scores_of(Tensor::of<double>({3}, {1, 2, 3}))->batch, 1);
  EXPECT_EQ(scores_of(Tensor::of<f16>({1, 2}, {f16(0.5f), f16(2.0f)}))->values[1], 2);
  EXPECT_EQ(scores_of(Tensor::of<uint8_t>({1, 2}, {7, 200}))->values[1], 200);
}

TEST(ScoresOf, RefusesFeatureMaps) {
  EXPECT_FALSE(scores_of(Tensor::of<float>({1, 2, 2, 1}, {1, 2, 3, 4})).ok());
  EXPECT_FALSE(scores_of(Tensor::of<float>({0, 5}, {})).ok());
  EXPECT_FALSE(scores_of(Tensor::scalar(1.0f)).ok());
}

TEST(LabelOrIndex, NamesWhatHasNoName) {
  const std::vector<std::string> labels = {"cat", ""};
  EXPECT_EQ(label_or_index(labels, 0), "cat");
  EXPECT_EQ(label_or_index(labels, 1), "class 1");
  EXPECT_EQ(label_or_index(labels, 7), "class 7");
}

}  // namespace
}  // namespace fovea::tasks
