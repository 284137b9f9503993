#include "ops/recurrent.h"

#include <cmath>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using Texts = std::vector<std::string>;
using Floats = std::vector<float>;

// One unit whose hidden state adds up its inputs.
const Tensor kOne = Tensor::of<float>({1, 1, 1}, {1});
Tensor steps(const std::vector<float>& values) {
  return Tensor::of<float>({static_cast<int64_t>(values.size()), 1, 1}, values);
}

TEST(Rnn, GoesBackwardsWithinEachSequence) {
  const auto y = run_node({"RNN", 14, {{"direction", std::string("reverse")}, {"activations", Texts{"Relu"}}}, "", 2},
                          {steps({1, 2, 4, 8}), kOne, kOne, {}, Tensor::of<int32_t>({1}, {3})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(7, 6, 4, 0));
  EXPECT_THAT((*y)[1].values<float>(), ElementsAre(7));
}

TEST(Rnn, PutsTheBatchFirstWithLayoutOne) {
  const Tensor two = Tensor::of<float>({2, 1, 1}, {1, 1});
  const auto y = run_node(
      {"RNN",
       14,
       {{"layout", int64_t{1}}, {"direction", std::string("bidirectional")}, {"activations", Texts{"Relu", "Relu"}}},
       "",
       2},
      {Tensor::of<float>({1, 2, 1}, {1, 2}), two, two});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].shape(), ElementsAre(1, 2, 2, 1));
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(1, 3, 3, 2));
  EXPECT_THAT((*y)[1].shape(), ElementsAre(1, 2, 1));
}

TEST(Rnn, ClipsWhatGoesIntoActivations) {
  const auto y = run_node({"RNN", 14, {{"clip", 2.5f}, {"activations", Texts{"Relu"}}}}, {steps({2, 2}), kOne, kOne});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(2, 2.5f));
}

TEST(Rnn, GivesParametersToTheFunctionsThatHaveThem) {
  const Texts names{"Tanh", "Affine", "HardSigmoid"};
  const Floats alphas{3}, betas{1, 2};
  const auto functions = read_activations(names, alphas, betas);
  ASSERT_TRUE(functions.ok());
  EXPECT_DOUBLE_EQ((*functions)[1](2), 7);
  EXPECT_DOUBLE_EQ((*functions)[2].alpha, 0.2);  // the list was used up
  EXPECT_DOUBLE_EQ((*functions)[2].beta, 2);
  EXPECT_FALSE(read_activations(Texts{"Sine"}, alphas, betas).ok());
}

TEST(Lstm, OpensTheOutputGateToTheNewCell) {
  // All gates but the output are half open (weights 0); the peephole of the output sees the cell.
  const Tensor w = Tensor::of<float>({1, 4, 1}, {0, 0, 0, 1}), r = Tensor::of<float>({1, 4, 1}, {0, 0, 0, 0});
  const auto y =
      run_node({"LSTM", 14, {}, "", 3},
               {steps({1}), w, r, {}, {}, {}, Tensor::of<float>({1, 1, 1}, {4}), Tensor::of<float>({1, 3}, {0, 1, 0})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  const double cell = 0.5 * 4 + 0.5 * std::tanh(1.0);
  EXPECT_NEAR((*y)[2].values<float>()[0], cell, 1e-6);
  EXPECT_NEAR((*y)[1].values<float>()[0], std::tanh(cell) / (1 + std::exp(-cell)), 1e-6);
}

TEST(Lstm, CouplesForgetToInputWhereAsked) {
  const Tensor w = Tensor::of<float>({1, 4, 1}, {0, 0, 100, 0}), r = Tensor::of<float>({1, 4, 1}, {0, 0, 0, 0});
  const auto y = run_node({"LSTM", 14, {{"input_forget", int64_t{1}}}, "", 3},
                          {steps({1}), w, r, {}, {}, {}, Tensor::of<float>({1, 1, 1}, {4})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_NEAR((*y)[2].values<float>()[0], 2, 1e-6);
}

TEST(Gru, ResetsBeforeOrAfterTheLinearPart) {
  // The update gate is shut, the reset gate half open, the hidden gate has recurrence 1 and a recurrent bias of 2.
  const Tensor w = Tensor::of<float>({1, 3, 1}, {0, 0, 0}), r = Tensor::of<float>({1, 3, 1}, {0, 0, 1});
  const Tensor bias = Tensor::of<float>({1, 6}, {-100, 0, 0, 0, 0, 2}), h = Tensor::of<float>({1, 1, 1}, {3});
  const auto run = [&](int64_t after) {
    return (*run_node({"GRU", 14, {{"linear_before_reset", after}, {"activations", Texts{"Sigmoid", "Relu"}}}},
                      {steps({0}), w, r, bias, {}, h}))[0]
        .values<float>()[0];
  };
  EXPECT_FLOAT_EQ(run(0), 3.5f);  // 0.5 * 3 + 2
  EXPECT_FLOAT_EQ(run(1), 2.5f);  // 0.5 * (3 + 2)
}

TEST(Recurrent, RefusesWhatDoesNotFit) {
  EXPECT_FALSE(run_node({"RNN", 14}, {steps({1}), kOne, Tensor::of<float>({1, 2, 1}, {1, 1})}).ok());
  EXPECT_FALSE(run_node({"RNN", 14, {{"hidden_size", int64_t{2}}}}, {steps({1}), kOne, kOne}).ok());
  EXPECT_FALSE(run_node({"RNN", 14, {{"direction", std::string("sideways")}}}, {steps({1}), kOne, kOne}).ok());
  EXPECT_FALSE(run_node({"RNN", 14, {{"activations", Texts{"Tanh", "Tanh"}}}}, {steps({1}), kOne, kOne}).ok());
  EXPECT_FALSE(run_node({"RNN", 14}, {steps({1}), kOne, kOne, {}, Tensor::of<int32_t>({1}, {2})}).ok());
}

}  // namespace
}  // namespace fovea::ops
