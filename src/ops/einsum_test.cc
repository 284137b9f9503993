#include "ops/einsum.h"

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

Result<Tensor> einsum(std::string equation, const std::vector<Tensor>& inputs) {
  auto y = run_node({"Einsum", 12, {{"equation", equation}}}, inputs);
  if (!y.ok()) return y.error();
  return (*y)[0];
}

const Tensor kA = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
const Tensor kB = Tensor::of<float>({3, 2}, {1, 2, 3, 4, 5, 6});
const Tensor kSquare = Tensor::of<float>({2, 2}, {1, 2, 3, 4});

TEST(Einsum, MultipliesMatricesTransposesAndSums) {
  EXPECT_THAT(einsum("ij, jk -> ik", {kA, kB})->values<float>(), ElementsAre(22, 28, 49, 64));
  EXPECT_THAT(einsum("ij->ji", {kA})->values<float>(), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(einsum("ij->", {kA})->values<float>(), ElementsAre(21));
  EXPECT_THAT(einsum("ij,ij,ij->i", {kA, kA, kA})->values<float>(), ElementsAre(36, 405));
}

TEST(Einsum, SortsTheLabelsOfAnImplicitResult) {
  EXPECT_THAT(einsum("ba", {kA})->shape(), ElementsAre(3, 2));
  EXPECT_THAT(einsum("bA", {kA})->shape(), ElementsAre(3, 2));
  EXPECT_THAT(einsum("ij,jk", {kA, kB})->values<float>(), ElementsAre(22, 28, 49, 64));
  EXPECT_THAT(einsum("ii", {kSquare})->values<float>(), ElementsAre(5));
}

TEST(Einsum, WalksDiagonals) {
  EXPECT_THAT(einsum("ii->i", {kSquare})->values<float>(), ElementsAre(1, 4));
  EXPECT_THAT(einsum("...ii->...i", {Tensor::of<int32_t>({2, 1, 1}, {7, 8})})->values<int32_t>(), ElementsAre(7, 8));
}

TEST(Einsum, BroadcastsTheEllipsis) {
  const auto x = Tensor::of<float>({2, 1, 2}, {1, 2, 3, 4});
  const auto y = einsum("...ij,...jk->...ik", {x, Tensor::of<float>({1, 2, 1}, {1, 10})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT(y->shape(), ElementsAre(2, 1, 1));
  EXPECT_THAT(y->values<float>(), ElementsAre(21, 43));
  EXPECT_THAT(einsum("...a", {kA})->shape(), ElementsAre(2, 3));
  EXPECT_THAT(einsum("a...->...a", {kA})->shape(), ElementsAre(3, 2));
}

TEST(Einsum, TakesScalarsAndSumsOverNothing) {
  EXPECT_THAT(einsum("->", {Tensor::scalar(5.f)})->values<float>(), ElementsAre(5));
  EXPECT_THAT(einsum(",i->i", {Tensor::scalar(2.f), Tensor::of<float>({2}, {1, 2})})->values<float>(),
              ElementsAre(2, 4));
  EXPECT_THAT(einsum("ij->i", {Tensor::of<float>({2, 0}, {})})->values<float>(), ElementsAre(0, 0));
}

TEST(Einsum, RefusesWhatMakesNoSense) {
  for (const char* equation :
       {"ij,jk", "i", "ijk", "ij->k", "ij->ii", "i.j", "i1", "...ij->..", "...i...j", "...i->i", "ij->i->j", "ij-"})
    EXPECT_FALSE(einsum(equation, {kA}).ok()) << equation;
  EXPECT_FALSE(einsum("ij,ij", {kA, kB}).ok());
  EXPECT_FALSE(einsum("ii", {kA}).ok());
  EXPECT_FALSE(einsum("ij,jk", {kA, Tensor::of<double>({3, 1}, {1, 2, 3})}).ok());
}

}  // namespace
}  // namespace fovea::ops
