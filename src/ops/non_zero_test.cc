#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

TEST(NonZero, ListsIndicesADimensionARow) {
  const auto y = run_node({"NonZero", 13}, {Tensor::of<float>({2, 2}, {1, -0.0f, 2, 3})});
  EXPECT_EQ(shape_of(y), (Shape{2, 3}));
  EXPECT_THAT(values_of<int64_t>(y), ElementsAre(0, 1, 1, 0, 0, 1));
}

TEST(NonZero, AScalarHasNoIndices) {
  EXPECT_EQ(shape_of(run_node({"NonZero", 13}, {Tensor::scalar(true)})), (Shape{0, 1}));
  EXPECT_EQ(shape_of(run_node({"NonZero", 13}, {Tensor::of<int64_t>({3, 0}, {})})), (Shape{2, 0}));
}

TEST(NonZero, NeedsTheValueForItsShape) {
  Node node;
  node.op_type = "NonZero";
  node.opset = 13;
  node.inputs = {0};
  node.outputs = {1};
  const auto op = parse_operator(node);
  ASSERT_TRUE(op.ok());
  const Inputs::Input in[] = {{{DType::f32, {2}}, nullptr, true}};
  const auto types = (*op)->infer(Inputs(in, 1));
  ASSERT_FALSE(types.ok());
  EXPECT_EQ(types.error().code, ErrorCode::needs_value);
}

}  // namespace
}  // namespace fovea::ops
