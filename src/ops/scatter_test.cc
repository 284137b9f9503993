#include <cmath>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

TEST(ScatterElements, WritesInOrder) {
  const auto x = Tensor::of<float>({1, 5}, {1, 2, 3, 4, 5});
  const auto indices = Tensor::of<int64_t>({1, 3}, {1, -2, 1}), updates = Tensor::of<float>({1, 3}, {6, 7, 8});
  for (const TestNode& node :
       {TestNode{"ScatterElements", 18, {{"axis", int64_t{1}}}}, TestNode{"Scatter", 9, {{"axis", int64_t{-1}}}}}) {
    const auto y = run_node(node, {x, indices, updates});
    ASSERT_TRUE(y.ok()) << y.error().to_string();
    EXPECT_THAT((*y)[0].values<float>(), ElementsAre(1, 8, 3, 7, 5));
  }
}

TEST(ScatterElements, CombinesInTheTypesOwnArithmetic) {
  const auto run = [](std::string reduction) {
    return *run_node(
        {"ScatterElements", 18, {{"reduction", reduction}}},
        {Tensor::of<uint8_t>({2}, {200, 3}), Tensor::of<int32_t>({2}, {0, 0}), Tensor::of<uint8_t>({2}, {100, 2})});
  };
  EXPECT_THAT(run("add")[0].values<uint8_t>(), ElementsAre(46, 3)) << "302 wraps around";
  EXPECT_THAT(run("mul")[0].values<uint8_t>(), ElementsAre(64, 3));
  EXPECT_THAT(run("max")[0].values<uint8_t>(), ElementsAre(200, 3));
  EXPECT_THAT(run("min")[0].values<uint8_t>(), ElementsAre(2, 3));
}

TEST(ScatterElements, HasTheReductionsOfItsOpset) {
  const std::vector<Tensor> inputs = {Tensor::of<float>({1}, {1}), Tensor::of<int64_t>({1}, {0}),
                                      Tensor::of<float>({1}, {2})};
  const auto ok = [&](int opset, std::string reduction) {
    return run_node({"ScatterElements", opset, {{"reduction", reduction}}}, inputs).ok();
  };
  EXPECT_FALSE(ok(13, "add"));
  EXPECT_TRUE(ok(16, "add"));
  EXPECT_FALSE(ok(16, "max"));
  EXPECT_TRUE(ok(18, "max"));
  EXPECT_FALSE(ok(18, "mean"));
}

TEST(ScatterElements, RefusesWhatDoesNotFit) {
  const auto x = Tensor::of<float>({2}, {1, 2}), one = Tensor::of<float>({1}, {1});
  const auto run = [&](const Tensor& indices, const Tensor& updates) {
    return run_node({"ScatterElements", 18}, {x, indices, updates}).ok();
  };
  EXPECT_FALSE(run(Tensor::of<int64_t>({1}, {2}), one));
  EXPECT_FALSE(run(Tensor::of<int64_t>({1}, {-3}), one));
  EXPECT_FALSE(run(Tensor::of<int64_t>({1}, {0}), x));
  EXPECT_FALSE(run(Tensor::of<int64_t>({1}, {0}), Tensor::of<double>({1}, {1})));
}

TEST(ScatterND, WritesSlices) {
  const auto x = Tensor::of<float>({2, 2}, {1, 2, 3, 4});
  const auto y = run_node({"ScatterND", 13}, {x, Tensor::of<int64_t>({1, 1}, {-1}), Tensor::of<float>({1, 2}, {8, 9})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(1, 2, 8, 9));
}

TEST(ScatterND, KeepsNaNsOfReductions) {
  const auto x = Tensor::of<f16>({1}, {f16(1.f)});
  const auto y = run_node({"ScatterND", 18, {{"reduction", std::string("max")}}},
                          {x, Tensor::of<int64_t>({1, 1}, {0}), Tensor::of<f16>({1}, {f16(std::nanf(""))})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_TRUE(std::isnan(static_cast<float>((*y)[0].values<f16>()[0])));
}

TEST(ScatterND, RefusesWhatDoesNotFit) {
  const auto x = Tensor::of<float>({2, 2}, {1, 2, 3, 4}), row = Tensor::of<float>({1, 2}, {8, 9});
  EXPECT_FALSE(run_node({"ScatterND", 13}, {x, Tensor::of<int64_t>({1, 1}, {2}), row}).ok());
  EXPECT_FALSE(run_node({"ScatterND", 13}, {x, Tensor::of<int64_t>({1, 2}, {0, 0}), row}).ok());
  EXPECT_FALSE(run_node({"ScatterND", 13}, {x, Tensor::of<int64_t>({1, 3}, {0, 0, 0}), row}).ok());
}

}  // namespace
}  // namespace fovea::ops
