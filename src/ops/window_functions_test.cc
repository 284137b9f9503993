#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::FloatNear;
using ::testing::Pointwise;

std::vector<float> window(std::string_view name, bool periodic, int32_t size) {
  const auto y = run_node({name, 17, {{"periodic", int64_t{periodic}}}}, {Tensor::scalar(size)});
  if (!y.ok()) return {-1};
  const auto values = (*y)[0].values<float>();
  return {values.begin(), values.end()};
}

TEST(CosineWindows, HaveTheirTextbookValues) {
  const auto near = [](std::vector<float> values) { return Pointwise(FloatNear(1e-6f), values); };
  EXPECT_THAT(window("HannWindow", true, 4), near({0, 0.5f, 1, 0.5f}));
  EXPECT_THAT(window("HannWindow", false, 5), near({0, 0.5f, 1, 0.5f, 0}));
  EXPECT_THAT(window("HammingWindow", true, 2), near({4 / 46.f, 1}));
  EXPECT_THAT(window("BlackmanWindow", true, 4), near({0, 0.34f, 1, 0.34f}));
  EXPECT_THAT(window("HannWindow", true, 0), near({}));
  EXPECT_THAT(window("HannWindow", true, -3), near({-1}));
}

}  // namespace
}  // namespace fovea::ops
