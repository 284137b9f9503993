#include <fmt/format.h>
#include <gmock/gmock.h>

#include "graph/text.h"
#include "ops/evaluate.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Adds x to itself, once in each trip; `step` counts the trips.
constexpr std::string_view kSum = R"(graph (i64[] trips, f32[2] x) -> (sum, steps) {
  sum, steps = Loop@16(trips, _, x) {
    body=graph [x](i64[] step, bool[] go, f32[2] a) -> (go, b, step) { b = Add@14(a, x) }
  }
})";

Result<std::vector<Tensor>> run(std::string_view text, const std::vector<Tensor>& inputs, Budget* budget = nullptr) {
  const Graph graph = FOVEA_TRY(parse_graph(text));
  return evaluate(graph, inputs, {}, budget);
}

std::vector<Tensor> trips_and_ones(int64_t trips) {
  return {Tensor::scalar<int64_t>(trips), Tensor::of<float>({2}, {1, 2})};
}

template <class T>
std::vector<T> values(const Tensor& tensor) {
  return {tensor.data<T>(), tensor.data<T>() + tensor.size()};
}

TEST(Loop, CarriesValuesAndStacksScans) {
  const auto results = run(kSum, trips_and_ones(3));
  ASSERT_TRUE(results.ok()) << results.error().to_string();
  EXPECT_THAT(values<float>((*results)[0]), ElementsAre(4, 8));
  EXPECT_THAT(values<int64_t>((*results)[1]), ElementsAre(0, 1, 2));
}

TEST(Loop, EndsByItsConditionWhereNoTripCountIsGiven) {
  const auto results = run(R"(graph () -> (last) {
    three = constant i64[] {3}  zero = constant i64[] {0}
    last = Loop@16(_, _, zero) {
      body=graph [three](i64[] step, bool[] go, i64[] n) -> (more, step) { more = Less@13(step, three) }
    }
  })",
                           {});
  ASSERT_TRUE(results.ok()) << results.error().to_string();
  EXPECT_THAT(values<int64_t>((*results)[0]), ElementsAre(3));
}

TEST(Loop, WithoutAnyEndIsRefused) {
  for (const std::string_view condition : {"go", "always", "same"}) {
    const auto results = run(fmt::format(R"(graph () -> (y) {{
      zero = constant i64[] {{0}}  forever = constant i64[] {{9223372036854775807}}
      y = Loop@16(forever, _, zero) {{
        body=graph (i64[] step, bool[] go, i64[] n) -> ({}, step) {{
          always = constant bool[] {{1}}  same = Identity@16(go)
        }}
      }}
    }})",
                                         condition),
                             {});
    ASSERT_FALSE(results.ok());
    EXPECT_THAT(results.error().to_string(), HasSubstr("neither its trip count nor its condition ends this Loop"));
  }
}

TEST(Loop, RunsOnceWhereTheConditionIsAlwaysFalse) {
  const auto results = run(R"(graph () -> (y) {
    zero = constant i64[] {7}
    y = Loop@16(_, _, zero) {
      body=graph (i64[] step, bool[] go, i64[] n) -> (never, step) { never = constant bool[] {0} }
    }
  })",
                           {});
  ASSERT_TRUE(results.ok()) << results.error().to_string();
  EXPECT_THAT(values<int64_t>((*results)[0]), ElementsAre(0));
}

TEST(Loop, StopsWhereTheBudgetForValuesEnds) {
  Budget enough(100, 1 << 20), tight(100, 1 << 20);
  EXPECT_TRUE(run(kSum, trips_and_ones(5), &enough).ok());
  EXPECT_FALSE(enough.exceeded());
  EXPECT_FALSE(run(kSum, trips_and_ones(int64_t{1} << 39), &tight).ok());
  EXPECT_TRUE(tight.exceeded());
}

TEST(Loop, StopsWhereTheBudgetForBytesEnds) {
  Budget budget(1'000'000, 1000);
  EXPECT_FALSE(run(kSum, trips_and_ones(100), &budget).ok());
  EXPECT_TRUE(budget.exceeded());
}

TEST(If, RunsOneBranch) {
  constexpr std::string_view kText = R"(graph (bool[] flag, f32[2] x) -> (y) {
    y = If@16(flag) { then_branch=graph [x]() -> (z) { z = Abs@13(x) }, else_branch=graph [x]() -> (z) { z = Neg@13(x) } }
  })";
  const auto of = [&](bool flag) {
    const auto results = run(kText, {Tensor::scalar<bool>(flag), Tensor::of<float>({2}, {1, -2})});
    EXPECT_TRUE(results.ok());
    return values<float>((*results)[0]);
  };
  EXPECT_THAT(of(true), ElementsAre(1, 2));
  EXPECT_THAT(of(false), ElementsAre(-1, 2));
}

}  // namespace
}  // namespace fovea::ops
