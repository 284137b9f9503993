#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "graph/text.h"
#include "ops/evaluate.h"

namespace fovea::ops {
namespace {

Result<std::vector<Tensor>> evaluate_text(std::string_view text, const std::vector<Tensor>& inputs) {
  const Graph graph = FOVEA_TRY(parse_graph(text));
  return evaluate(graph, inputs);
}

TEST(FoveaAttention, OneHeadByHand) {
  // Scores 0 and ln 3: weights 1/4 and 3/4 of the values 4 and 8.
  const auto y = evaluate_text(R"(graph (f32[1,1] q, f32[2,1] k, f32[2,1] v) -> (y) {
    y = fovea.Attention@1(q, k, v) {sizes=[1, 1, 1, 2, 1, 1], q=[0, 0, 0, 1, 1], k=[0, 0, 0, 1, 1], v=[0, 0, 0, 1, 1]}
  })",
                               {Tensor::of<float>({1, 1}, {1}), Tensor::of<float>({2, 1}, {0, std::log(3.0f)}),
                                Tensor::of<float>({2, 1}, {4, 8})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_EQ((*y)[0].shape(), (Shape{1, 1, 1, 1}));
  EXPECT_FLOAT_EQ((*y)[0].data<float>()[0], 7);
}

TEST(FoveaAttention, ViewsThatReachOutsideAreRefused) {
  for (const char* view :
       {"[0, 0, 0, 3, 1]", "[-1, 0, 0, 1, 1]", "[0, 0, 0, -1, 1]", "[1, 0, 0, 1, 9223372036854775807]"}) {
    const auto y = evaluate_text(fmt::format(R"(graph (f32[2,2] x) -> (y) {{
      y = fovea.Attention@1(x, x, x) {{sizes=[1, 1, 2, 2, 2, 2], q={}, k=[0, 0, 0, 2, 1], v=[0, 0, 0, 2, 1]}}
    }})",
                                             view),
                                 {Tensor::of<float>({2, 2}, {1, 2, 3, 4})});
    ASSERT_FALSE(y.ok()) << view;
    EXPECT_EQ(y.error().code, ErrorCode::invalid_model);
  }
}

TEST(FoveaAttention, ARowThatIsMaskedAltogetherIsZeroOnlyWhereAsked) {
  for (const bool zero : {false, true}) {
    const auto y =
        evaluate_text(fmt::format(R"(graph (f32[2,1] x, f32[1,2] m) -> (y) {{
      y = fovea.Attention@1(x, x, x, m) {{sizes=[1, 1, 2, 2, 1, 1], q=[0, 0, 0, 1, 1], k=[0, 0, 0, 1, 1],
                                         v=[0, 0, 0, 1, 1], nan_to_zero={}}}
    }})",
                                  zero ? 1 : 0),
                      {Tensor::of<float>({2, 1}, {1, 2}), Tensor::of<float>({1, 2}, {-HUGE_VALF, -HUGE_VALF})});
    ASSERT_TRUE(y.ok()) << y.error().to_string();
    if (zero)
      EXPECT_EQ((*y)[0].data<float>()[1], 0);
    else
      EXPECT_TRUE(std::isnan((*y)[0].data<float>()[1]));
  }
}

TEST(FoveaRope, NeighboursAndHalvesTurnByTheirAngle) {
  // A quarter turn: cos 0, sin 1.
  for (const bool interleaved : {false, true}) {
    const auto y = evaluate_text(fmt::format(R"(graph (f32[2,4] x) -> (y) {{
      c = constant f32[1,4] zeros  s = constant f32[1,4] fill(1)
      y = fovea.Rope@1(x, c, s) {{skip=1, interleaved={}}}
    }})",
                                             interleaved ? 1 : 0),
                                 {Tensor::of<float>({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8})});
    ASSERT_TRUE(y.ok()) << y.error().to_string();
    const std::vector<float> want =
        interleaved ? std::vector<float>{1, 2, 3, 4, -6, 5, -8, 7} : std::vector<float>{1, 2, 3, 4, -7, -8, 5, 6};
    for (size_t i = 0; i < want.size(); ++i) EXPECT_EQ((*y)[0].data<float>()[i], want[i]);
  }
}

TEST(FoveaRope, TablesOfAnotherSizeAreRefused) {
  const auto y = evaluate_text(R"(graph (f32[2,4] x) -> (y) {
    c = constant f32[2,4] zeros  y = fovea.Rope@1(x, c, c) {skip=1}
  })",
                               {Tensor::of<float>({2, 4}, {1, 2, 3, 4, 5, 6, 7, 8})});
  EXPECT_FALSE(y.ok());
}

}  // namespace
}  // namespace fovea::ops
