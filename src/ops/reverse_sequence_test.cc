#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

const Tensor kMatrix = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});

Tensor lengths(const std::vector<int64_t>& values) {
  return Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values);
}

TEST(ReverseSequence, ReversesTheFirstElementsOfEachEntry) {
  const TestNode rows{"ReverseSequence", 10, {{"batch_axis", int64_t{0}}, {"time_axis", int64_t{1}}}};
  EXPECT_THAT(values_of<float>(run_node(rows, {kMatrix, lengths({2, 3})})), ElementsAre(2, 1, 3, 6, 5, 4));
  EXPECT_THAT(values_of<float>(run_node({"ReverseSequence", 10}, {kMatrix, lengths({2, 1, 0})})),
              ElementsAre(4, 2, 3, 1, 5, 6));
}

TEST(ReverseSequence, RefusesLengthsAndAxesThatCannotBe) {
  for (const std::vector<int64_t>& bad : std::vector<std::vector<int64_t>>{{3, 1, 1}, {-1, 1, 1}, {1, 1}})
    EXPECT_TRUE(refusal(run_node({"ReverseSequence", 10}, {kMatrix, lengths(bad)})).has_value());
  for (int64_t axis : {0, 2, -1})
    EXPECT_TRUE(refusal(run_node({"ReverseSequence", 10, {{"batch_axis", axis}}}, {kMatrix, lengths({1, 1})})));
}

}  // namespace
}  // namespace fovea::ops
