#include "ops/views.h"

#include <limits>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using Integers = std::vector<int64_t>;

Tensor integers(const Integers& values) { return Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values); }
Tensor zeros(const Shape& shape) { return *Tensor::allocate(DType::f32, shape); }

Result<Shape> reshaped(const TestNode& node, const std::vector<Tensor>& inputs) {
  auto y = run_node(node, inputs);
  if (!y.ok()) return y.error();
  return (*y)[0].shape();
}

TEST(Reshape, FillsTheOpenExtentAndCopiesZeros) {
  EXPECT_THAT(*reshaped({"Reshape", 13}, {zeros({2, 3, 4}), integers({0, -1})}), ElementsAre(2, 12));
  EXPECT_THAT(*reshaped({"Reshape", 13}, {zeros({1}), integers({})}), ElementsAre());
  EXPECT_THAT(*reshaped({"Reshape", 1, {{"shape", Integers{3, 2}}}}, {zeros({6})}), ElementsAre(3, 2));
}

TEST(Reshape, TakesZerosLiterallyWhereAllowed) {
  const TestNode node{"Reshape", 14, {{"allowzero", int64_t{1}}}};
  EXPECT_THAT(*reshaped(node, {zeros({0, 3}), integers({5, 0})}), ElementsAre(5, 0));
  EXPECT_FALSE(reshaped(node, {zeros({0, 3}), integers({0, -1})}).ok());
  EXPECT_FALSE(reshaped(node, {zeros({2, 3}), integers({0, 6})}).ok());
}

TEST(Reshape, RefusesWhatDoesNotFit) {
  const int64_t big = std::numeric_limits<int64_t>::max();
  for (const Integers& shape :
       std::vector<Integers>{{4}, {-1, -1}, {-2, 3}, {-1, 4}, {6, 1, 0}, {big, big, -1}, {big, 2}, Integers(100, 1)})
    EXPECT_FALSE(reshaped({"Reshape", 13}, {zeros({2, 3}), integers(shape)}).ok()) << to_string(shape);
}

TEST(Reshape, KeepsTheElementsInOrder) {
  const auto y = run_node({"Reshape", 13},
                          {Tensor::of<bf16>({2, 2}, {bf16(1.f), bf16(2.f), bf16(3.f), bf16(4.f)}), integers({4})});
  ASSERT_TRUE(y.ok());
  EXPECT_THAT((*y)[0].values<bf16>(), ElementsAre(1, 2, 3, 4));
}

TEST(Flatten, SplitsTheShapeAtItsAxis) {
  EXPECT_THAT(*reshaped({"Flatten", 13}, {zeros({2, 3, 4})}), ElementsAre(2, 12));
  EXPECT_THAT(*reshaped({"Flatten", 13, {{"axis", int64_t{0}}}}, {zeros({2, 3})}), ElementsAre(1, 6));
  EXPECT_THAT(*reshaped({"Flatten", 13, {{"axis", int64_t{3}}}}, {zeros({2, 3, 4})}), ElementsAre(24, 1));
  EXPECT_THAT(*reshaped({"Flatten", 13, {{"axis", int64_t{-1}}}}, {zeros({2, 3, 4})}), ElementsAre(6, 4));
  EXPECT_FALSE(reshaped({"Flatten", 13, {{"axis", int64_t{4}}}}, {zeros({2, 3, 4})}).ok());
}

TEST(Squeeze, DropsOnesGivenEitherWay) {
  EXPECT_THAT(*reshaped({"Squeeze", 11, {{"axes", Integers{-1}}}}, {zeros({1, 3, 1})}), ElementsAre(1, 3));
  EXPECT_THAT(*reshaped({"Squeeze", 13}, {zeros({1, 3, 1}), integers({0})}), ElementsAre(3, 1));
  EXPECT_THAT(*reshaped({"Squeeze", 13}, {zeros({1, 3, 1})}), ElementsAre(3));
  EXPECT_FALSE(reshaped({"Squeeze", 13}, {zeros({1, 3, 1}), integers({1})}).ok());
  EXPECT_FALSE(reshaped({"Squeeze", 13, {{"axes", Integers{0}}}}, {zeros({1, 3, 1})}).ok());
}

TEST(Unsqueeze, CountsAxesInTheResult) {
  EXPECT_THAT(*reshaped({"Unsqueeze", 13}, {zeros({3}), integers({-1, 0})}), ElementsAre(1, 3, 1));
  EXPECT_THAT(*reshaped({"Unsqueeze", 11, {{"axes", Integers{2}}}}, {zeros({3, 4})}), ElementsAre(3, 4, 1));
  EXPECT_FALSE(reshaped({"Unsqueeze", 13}, {zeros({3}), integers({0, 0})}).ok());
  EXPECT_FALSE(reshaped({"Unsqueeze", 13}, {zeros({3}), integers({2})}).ok());
}

TEST(OnlyReshapes, NamesTheOperatorsWhoseBytesStay) {
  Node node;
  node.op_type = "Reshape";
  EXPECT_TRUE(only_reshapes(node));
  node.op_type = "Transpose";
  EXPECT_FALSE(only_reshapes(node));
  node.op_type = "Dropout";
  node.inputs = {0};
  node.outputs = {1};
  EXPECT_TRUE(only_reshapes(node));
  node.outputs = {1, 2};
  EXPECT_FALSE(only_reshapes(node));
}

}  // namespace
}  // namespace fovea::ops
