// Each conversion: the raised graph computes what the old one did; and what cannot be raised is refused by name.
#include "passes/raise_opset.h"

#include <gmock/gmock.h>

#include "graph/verify.h"
#include "ops/operator.h"
#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

constexpr int kTarget = 18;

/// The old graph and the raised one agree, and every node is of the new opset and one that fovea knows there.
void expect_raised(std::string_view text, std::string_view expected_operator, int target = kTarget) {
  const Graph before = parsed(text);
  Graph after = before;
  const auto raised = raise_opset(after, target);
  ASSERT_TRUE(raised.ok()) << raised.error().to_string();
  ASSERT_TRUE(verify(after).ok()) << verify(after).error().to_string();
  bool found = false;
  for (NodeId id : after.order()) {
    EXPECT_EQ(after.node(id).opset, target);
    EXPECT_TRUE(ops::parse_operator(after.node(id)).ok()) << after.node(id).label(after);
    found = found || after.node(id).op_type == expected_operator;
  }
  EXPECT_TRUE(found) << expected_operator;
  expect_same_results(before, after);
}

std::string refusal(std::string_view text, int target = kTarget) {
  Graph graph = parsed(text);
  const auto raised = raise_opset(graph, target);
  return raised.ok() ? "raised" : raised.error().to_string();
}

TEST(RaiseOpset, AttributesBecomeInputs) {
  const std::pair<const char*, const char*> cases[] = {
      {"y = Clip@9(x) {max=1.0, min=-0.5}", "Clip"},
      {"y = Clip@7(x) {max=1.0}", "Clip"},
      {"y = Pad@9(x) {pads=[0, 0, 1, 0, 0, 0, 0, 2], value=3.0}", "Pad"},
      {"y = Pad@9(x) {mode=\"reflect\", pads=[0, 0, 1, 1, 0, 0, 1, 1]}", "Pad"},
      {"y = ReduceMean@13(x) {axes=[2, 3], keepdims=0}", "ReduceMean"},
      {"y = ReduceMean@13(x)", "ReduceMean"},
      {"y = ReduceSum@11(x) {axes=[1]}", "ReduceSum"},
      {"y = ReduceL2@13(x) {axes=[1]}", "ReduceL2"},
      {"y = ReduceMax@12(x) {axes=[-1]}", "ReduceMax"},
      {"y = Slice@9(x) {axes=[1, 3], starts=[1, 0], ends=[3, -1]}", "Slice"},
      {"y = Slice@9(x) {starts=[0, 1], ends=[2, 2]}", "Slice"},
      {"z = Unsqueeze@11(x) {axes=[0]}  y = Squeeze@11(z) {axes=[0]}", "Squeeze"},
      {"y, i = TopK@9(x) {axis=1, k=2}", "TopK"},
      {"a, y = Split@11(x) {axis=1, split=[1, 3]}", "Split"},
      {"a, y = Split@11(x) {axis=1}", "Split"},
      {"a, y = Split@13(x) {axis=3}", "Split"},
  };
  for (const auto& [body, name] : cases) {
    SCOPED_TRACE(body);
    expect_raised(fmt::format("graph (f32[2,4,5,6] x) -> (y) {{ {} }}", body), name);
  }
}

TEST(RaiseOpset, NormalisationAndDropoutKeepTheirInferenceForm) {
  expect_raised(R"(graph (f32[2,4,5,6] x) -> (z) {
    s = constant f32[4] random(1)  b = constant f32[4] random(2)  m = constant f32[4] random(3)  v = constant f32[4] fill(0.7)
    y = BatchNormalization@7(x, s, b, m, v) {epsilon=0.001, momentum=0.9, spatial=1}
    z, mask = Dropout@7(y) {ratio=0.3}
  })",
                "BatchNormalization");
}

TEST(RaiseOpset, SoftmaxOverAllThatFollowsAnAxis) {
  expect_raised("graph (f32[3,7] x) -> (y) { y = Softmax@11(x) {axis=1} }", "Softmax");
  expect_raised("graph (f32[3,7] x) -> (y) { y = LogSoftmax@11(x) }", "LogSoftmax");
  expect_raised("graph (f32[2,4,5,6] x) -> (y) { y = Softmax@11(x) {axis=-1} }", "Softmax");
  // Flattened and put back: over the last three dimensions together.
  expect_raised("graph (f32[2,4,5,6] x) -> (y) { y = Softmax@11(x) }", "Flatten");
  expect_raised("graph (f32[2,4,5,6] x) -> (y) { a = Relu@11(x)  y = Softmax@11(a) {axis=2} }", "Reshape");
}

TEST(RaiseOpset, ResizeOfEachAge) {
  expect_raised("graph (f32[1,2,3,4] x) -> (y) { y = Upsample@7(x) {mode=\"nearest\", scales=[1.0, 1.0, 2.0, 2.0]} }",
                "Resize");
  expect_raised(R"(graph (f32[1,2,3,4] x) -> (y) {
    s = constant f32[4] {1, 1, 2, 3}
    y = Upsample@9(x, s) {mode="linear"}
  })",
                "Resize");
  expect_raised(R"(graph (f32[1,2,6,8] x) -> (y) {
    s = constant f32[4] {1, 1, 0.5, 0.5}
    y = Resize@10(x, s) {mode="nearest"}
  })",
                "Resize");
  expect_raised(R"(graph (f32[1,2,3,4] x) -> (y) {
    none = constant f32[0] {}  size = constant i64[4] {1, 2, 5, 9}
    y = Resize@11(x, none, none, size) {mode="cubic", coordinate_transformation_mode="align_corners"}
  })",
                "Resize");
}

TEST(RaiseOpset, SubgraphsAreRaisedToo) {
  Graph graph = parsed(R"(graph (f32[4,3] x) -> (y) {
    yes = constant bool[] {1}
    y = If@11(yes) {
      then_branch=graph [x]() -> (z) { z = Clip@9(x) {max=0.5} },
      else_branch=graph [x]() -> (z) { z = Neg@9(x) }
    }
  })");
  const Graph before = graph;
  EXPECT_EQ(highest_opset(graph), 11);
  const auto raised = raise_opset(graph, kTarget);
  ASSERT_TRUE(raised.ok()) << raised.error().to_string();
  EXPECT_TRUE(verify(graph).ok()) << verify(graph).error().to_string();
  expect_same_results(before, graph);
  EXPECT_EQ(highest_opset(graph), kTarget);
}

TEST(RaiseOpset, WhatIsNewEnoughStays) {
  Graph graph = parsed("graph (f32[2,3] x) -> (y) { y = Relu@18(x) \"act\" }");
  const std::string before = print(graph);
  ASSERT_TRUE(raise_opset(graph, kTarget).ok());
  EXPECT_EQ(print(graph), before);
}

TEST(RaiseOpset, RefusesByNodeOperatorAndOpset) {
  using testing::AllOf;
  using testing::HasSubstr;
  EXPECT_THAT(refusal("graph (f32[2,3] x) -> (y, m) { y, m = Dropout@7(x) \"drop\" }"),
              AllOf(HasSubstr("Dropout \"drop\", opset 7"), HasSubstr("mask"), HasSubstr("to opset 18")));
  EXPECT_THAT(refusal("graph (f32[1,2,3,4] x, f32[4] s) -> (y) { y = Resize@10(x, s) \"up\" }"),
              AllOf(HasSubstr("Resize \"up\", opset 10"), HasSubstr("scales")));
  EXPECT_THAT(refusal("graph (f32[2,3] x) -> (y) { y = Relu@21(x) }"), HasSubstr("cannot be lowered"));
  EXPECT_THAT(refusal("graph (f32[2,3] x) -> (y) { y = Relu@6(x) }"), HasSubstr("only opsets 7 to"));
  EXPECT_THAT(refusal("graph (f32[2,3] x) -> (y) { y = HannWindow@17(x) \"w\" }"), HasSubstr("nothing is known"));
}

}  // namespace
}  // namespace fovea::passes
