#include "passes/strided_view.h"

#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

/// Reads the graph's only output through its view of what was computed, and compares.
StridedView expect_view(std::string_view text) {
  const Graph original = parsed(text);
  Graph graph = with_types(original);
  const auto view = strided_view(graph, graph.outputs[0]);
  EXPECT_TRUE(view.has_value());
  const std::vector<Tensor> inputs = inputs_for(original);
  const auto outputs = ops::evaluate(original, inputs);
  EXPECT_TRUE(outputs.ok());
  EXPECT_EQ(view->base, graph.inputs[0]);
  const Tensor& y = (*outputs)[0];
  EXPECT_EQ(view->extents, y.shape());
  for (int64_t i = 0; i < y.size(); ++i) {
    int64_t at = view->offset, rest = i;
    for (size_t d = view->extents.size(); d-- > 0;) {
      at += rest % view->extents[d] * view->strides[d];
      rest /= view->extents[d];
    }
    EXPECT_NEAR(view->scale * inputs[0].data<float>()[at], y.data<float>()[i], 1e-6) << i;
  }
  return *view;
}

TEST(StridedView, AHeadOfQueriesIsSeenThroughAllThatMovesIt) {
  const StridedView view = expect_view(R"(graph (f32[2,5,24] x) -> (y) {
    s = constant i64[5] {2, 5, 3, 2, 4}  zero = constant i64[1] {0}  one = constant i64[1] {1}  two = constant i64[1] {2}
    f = constant f32[1] {0.5}
    r = Reshape@14(x, s)  t = Transpose@13(r) {perm=[2, 0, 3, 1, 4]}  a = Slice@13(t, one, two, zero)
    q = Squeeze@13(a, zero)  y = Mul@14(q, f)
  })");
  EXPECT_EQ(view.offset, 8);
  EXPECT_EQ(view.strides, (Shape{120, 4, 24, 1}));
  EXPECT_EQ(view.scale, 0.5f);
}

TEST(StridedView, SplitGatherAndDivisionAreSeenThrough) {
  expect_view(R"(graph (f32[2,3,8] x) -> (y) {
    i = constant i64[] {-1}  f = constant f32[] {4}
    a, b = Split@18(x) {axis=2, num_outputs=2}  g = Gather@13(b, i) {axis=0}  y = Div@14(g, f)
  })");
}

TEST(StridedView, AReshapeOfATransposeIsItsOwnBase) {
  const Graph graph = with_types(parsed(R"(graph (f32[3,4] x) -> (y) {
    s = constant i64[1] {12}
    t = Transpose@13(x)  y = Reshape@14(t, s)
  })"));
  const auto view = strided_view(graph, graph.outputs[0]);
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->base, graph.outputs[0]);
  EXPECT_TRUE(view->is_whole());
}

TEST(StridedView, AReshapeThatSplitsAndMergesWithinARunNeedsNoCopy) {
  expect_view(R"(graph (f32[4,6] x) -> (y) {
    s = constant i64[4] {1, 8, 3, 1}
    y = Reshape@14(x, s)
  })");
}

}  // namespace
}  // namespace fovea::passes
