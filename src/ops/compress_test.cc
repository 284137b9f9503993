#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

const Tensor kMatrix = Tensor::of<float>({3, 2}, {1, 2, 3, 4, 5, 6});

// std::vector<bool> has no data to copy from.
Tensor condition(const std::vector<int>& values) {
  Tensor tensor = *Tensor::allocate(DType::boolean, {static_cast<int64_t>(values.size())});
  for (size_t i = 0; i < values.size(); ++i) tensor.mutable_view().as<bool>()[i] = values[i] != 0;
  return tensor;
}

TEST(Compress, KeepsSlicesOfAnAxisOrElementsOfAll) {
  const TestNode rows{"Compress", 11, {{"axis", int64_t{0}}}}, columns{"Compress", 11, {{"axis", int64_t{-1}}}};
  EXPECT_THAT(values_of<float>(run_node(rows, {kMatrix, condition({0, 1, 1})})), ElementsAre(3, 4, 5, 6));
  EXPECT_EQ(shape_of(run_node(columns, {kMatrix, condition({0, 1})})), (Shape{3, 1}));
  EXPECT_THAT(values_of<float>(run_node(columns, {kMatrix, condition({0, 1})})), ElementsAre(2, 4, 6));
  EXPECT_THAT(values_of<float>(run_node({"Compress", 11}, {kMatrix, condition({0, 1, 0, 0, 1})})), ElementsAre(2, 5));
}

TEST(Compress, TakesWhatLiesBeyondTheConditionAsFalse) {
  const TestNode rows{"Compress", 9, {{"axis", int64_t{0}}}};
  EXPECT_THAT(values_of<float>(run_node(rows, {kMatrix, condition({1})})), ElementsAre(1, 2));
  EXPECT_EQ(shape_of(run_node(rows, {kMatrix, condition({})})), (Shape{0, 2}));
  EXPECT_FALSE(refusal(run_node(rows, {kMatrix, condition({1, 0, 0, 0})})).has_value());
  EXPECT_TRUE(refusal(run_node(rows, {kMatrix, condition({0, 0, 0, 1})})).has_value());
}

}  // namespace
}  // namespace fovea::ops
