// Work of single nodes, against counting by hand.
#include "pipeline/multiply_adds.h"

#include <gtest/gtest.h>

#include "graph/text.h"
#include "passes/specialise.h"

namespace fovea::pipeline {
namespace {

/// Of the last node of a graph whose inputs have concrete types.
double work_of(const char* text) {
  const auto graph = parse_graph(text);
  EXPECT_TRUE(graph.ok()) << graph.error().to_string();
  std::vector<TensorType> inputs;
  for (ValueId id : passes::fed_inputs(*graph)) inputs.push_back(*graph->value(id).type.concrete());
  const auto specialised = passes::specialise(*graph, inputs, *passes::parse_operators(*graph));
  EXPECT_TRUE(specialised.ok()) << specialised.error().to_string();
  const Graph& known = specialised->graph;
  return multiply_adds(known, known.node(known.order().back()));
}

TEST(MultiplyAdds, OfConvolutions) {
  EXPECT_EQ(work_of("graph g (f32[2,8,10,10] x, f32[16,8,3,3] w) -> (y) { y = Conv@11(x, w) }"),
            2.0 * 16 * 8 * 8 * 8 * 9);
  EXPECT_EQ(
      work_of("graph g (f32[1,8,4,4] x, f32[8,1,3,3] w) -> (y) { y = Conv@11(x, w) {group=8, pads=[1, 1, 1, 1]} }"),
      8.0 * 16 * 9);
  EXPECT_EQ(work_of("graph g (f32[1,8,4,4] x, f32[8,6,2,2] w) -> (y) { y = ConvTranspose@11(x, w) {strides=[2, 2]} }"),
            8.0 * 16 * 6 * 4);
}

TEST(MultiplyAdds, OfProducts) {
  EXPECT_EQ(work_of("graph g (f32[5,7,3] x, f32[3,4] w) -> (y) { y = MatMul@13(x, w) }"), 5.0 * 7 * 3 * 4);
  EXPECT_EQ(work_of("graph g (f32[6,5] x, f32[6,4] w) -> (y) { y = Gemm@13(x, w) {transA=1} }"), 5.0 * 4 * 6);
  EXPECT_EQ(work_of("graph g (f32[6,5] x, f32[5,4] w) -> (y) { y = Gemm@13(x, w) }"), 6.0 * 4 * 5);
}

TEST(MultiplyAdds, OfEinsum) {
  EXPECT_EQ(
      work_of("graph g (f32[2,3,4] x, f32[2,4,5] w) -> (y) { y = Einsum@12(x, w) {equation=\"bij, bjk -> bik\"} }"),
      2.0 * 3 * 4 * 5);
  EXPECT_EQ(work_of("graph g (f32[2,6,3,4] x, f32[4,5] w) -> (y) { y = Einsum@12(x, w) {equation=\"...j,jk->...k\"} }"),
            2.0 * 6 * 3 * 4 * 5);
  EXPECT_EQ(work_of("graph g (f32[2,3] x) -> (y) { y = Einsum@12(x) {equation=\"ij->ji\"} }"), 0);
}

TEST(MultiplyAdds, AreNothingElsewhere) { EXPECT_EQ(work_of("graph g (f32[2,3] x) -> (y) { y = Relu@13(x) }"), 0); }

}  // namespace
}  // namespace fovea::pipeline
