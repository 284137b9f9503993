#include "graph/text.h"

#include <bit>
#include <cmath>
#include <limits>

#include <gmock/gmock.h>

namespace fovea {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Graph parsed(std::string_view text) {
  auto graph = parse_graph(text);
  EXPECT_TRUE(graph.ok()) << graph.error().to_string();
  return graph ? *std::move(graph) : Graph();
}

std::string refusal(std::string_view text) {
  const auto graph = parse_graph(text);
  return graph ? "no error" : graph.error().to_string();
}

// As print() writes it.
constexpr std::string_view kDemo = R"(graph demo (f32[batch,3,?,8] image, i64[2] size = {8, -8}) -> (out, image) {
  metadata "author" = "no\"body\n"
  "a weight" = constant f32[1,3] {1, -0.5, 1e-45}
  ids = constant bool[2,2] {1, 0, 0, 1}
  half = constant f16[3] fill(0.33325195)
  x, _ = Conv@21(image, "a weight", _, half) {group=1, pads=[0, 1], scale=1.0, names=["a", "b"]} "stem/conv"
  f32[batch,4] onnx::Add_12 = fovea.Pool@1(x, ids) {empty=[], nothing=floats[], words=strings[], zero=-0.0}
  cond = com.microsoft."odd op"@3() {table=i8[2] {-128, 127}}
  out = If@16(cond) {
    else_branch=graph other [onnx::Add_12]() -> (onnx::Add_12) {},
    then_branch=graph [y = onnx::Add_12, x]() -> (z) {
      z = Add@14(y, x)
    }
  }
}
)";

TEST(GraphText, PrintsWhatItParsed) {
  // Attributes print in the order of their names.
  std::string expected(kDemo);
  const std::string unordered = "{group=1, pads=[0, 1], scale=1.0, names=[\"a\", \"b\"]}";
  expected.replace(expected.find(unordered), unordered.size(),
                   "{group=1, names=[\"a\", \"b\"], pads=[0, 1], scale=1.0}");
  EXPECT_EQ(print(parsed(kDemo)), expected);
  EXPECT_EQ(print(parsed(expected)), expected);
}

TEST(GraphText, KeepsTypesDefaultsAndMetadata) {
  const Graph graph = parsed(kDemo);
  EXPECT_EQ(graph.name, "demo");
  EXPECT_EQ(graph.metadata.at("author"), "no\"body\n");
  const Value& image = graph.value(graph.inputs[0]);
  EXPECT_EQ(to_string(image.type), "f32[batch,3,?,8]");
  EXPECT_THAT(graph.constant(graph.inputs[1])->values<int64_t>(), ElementsAre(8, -8));
  const Node& conv = graph.node(graph.order()[0]);
  EXPECT_EQ(conv.name, "stem/conv");
  EXPECT_EQ(conv.inputs[2], kNoValue);
  EXPECT_EQ(conv.opset, 21);
  EXPECT_EQ(*conv.attribute<float>("scale"), 1.0f);
  const Node& pool = graph.node(graph.order()[1]);
  EXPECT_EQ(pool.domain, "fovea");
  EXPECT_TRUE(pool.attribute<std::vector<float>>("nothing"));
}

TEST(GraphText, ListsWhatSubgraphsCapture) {
  const Graph graph = parsed(kDemo);
  const Node& branch = graph.node(graph.order().back());
  EXPECT_THAT(branch.captures, ElementsAre(*graph.find_value("onnx::Add_12"), *graph.find_value("x")));
  const Graph& then_branch = **branch.attribute<std::shared_ptr<Graph>>("then_branch");
  ASSERT_EQ(then_branch.captures.size(), 2u);
  EXPECT_EQ(then_branch.value(then_branch.captures[0].inner).name, "y");
  EXPECT_EQ(then_branch.captures[0].index, 0u);
}

TEST(GraphText, GivesFloatsBackBitForBit) {
  Graph graph;
  const std::vector<float> values = {
      0.1f,     -0.0f,     std::numeric_limits<float>::max(), std::numeric_limits<float>::denorm_min(),
      INFINITY, -INFINITY, std::bit_cast<float>(0x7fc00000u), std::bit_cast<float>(0xffc12345u)};
  const ValueId id = graph.add_constant("c", Tensor::of<float>({8}, values));
  graph.outputs = {id};
  const Graph again = parsed(print(graph));
  const auto got = again.constant(*again.find_value("c"))->values<float>();
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(std::bit_cast<uint32_t>(got[i]), std::bit_cast<uint32_t>(values[i])) << i;
}

TEST(GraphText, GivesEveryHalfBackBitForBit) {
  Tensor all = *Tensor::allocate(DType::f16, {65536});
  for (size_t i = 0; i < 65536; ++i) all.mutable_view().as<uint16_t>()[i] = static_cast<uint16_t>(i);
  Graph graph;
  graph.outputs = {graph.add_constant("c", all)};
  const Graph again = parsed(print(graph));
  const auto* got = again.constant(again.outputs[0])->data<uint16_t>();
  for (size_t i = 0; i < 65536; ++i) ASSERT_EQ(got[i], i);
}

TEST(GraphText, MakesRandomConstantsFromASeed) {
  const Graph graph = parsed(
      "graph () -> (a, b, c) { a = constant f32[100] random(1) b = constant f32[100] random(1) "
      "c = constant u8[100] random(2) }");
  const auto a = graph.constant(graph.outputs[0])->values<float>(),
             b = graph.constant(graph.outputs[1])->values<float>();
  EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin()));
  EXPECT_LT(*std::min_element(a.begin(), a.end()), -0.5f);
  EXPECT_LT(*std::max_element(a.begin(), a.end()), 1.0f);
}

TEST(GraphText, CutsLongConstantsWhenAsked) {
  const Graph graph = parsed("graph () -> (a) { a = constant i32[5] {1, 2, 3, 4, 5} }");
  const std::string text = print(graph, {.max_elements = 2});
  EXPECT_THAT(text, HasSubstr("{1, 2 ... 5 elements}"));
  EXPECT_THAT(refusal(text), HasSubstr("line 2"));
}

TEST(GraphText, QuotesNamesThatNeedIt) {
  Graph graph;
  const ValueId a = graph.add_value("_"), b = graph.add_value("a \"b\" \x01\xc3\xa9"), c = graph.add_value("f32");
  graph.inputs = {a, b, c};
  graph.outputs = {c, b};
  graph.set_type(a, {std::nullopt, std::vector<Dim>{{-1, "2n"}, {-1, "a b"}}});
  const std::string text = print(graph);
  EXPECT_EQ(print(parsed(text)), text);
}

TEST(GraphText, SaysWhereAnErrorIs) {
  EXPECT_THAT(refusal("graph g () -> (y) {\n  y = Relu@14(x)\n}"),
              HasSubstr("line 2, column 16: there is no value \"x\""));
  EXPECT_THAT(refusal("graph g () -> (y) {\n}"), HasSubstr("line 1, column 16: output \"y\""));
  EXPECT_THAT(refusal("graph g (x, x) -> () {}"), HasSubstr("\"x\" is there already"));
  EXPECT_THAT(refusal("graph g () -> () { a = constant f32[2] {1} }"), HasSubstr("1 values for 2 elements"));
  EXPECT_THAT(refusal("graph g () -> () { a = constant i8[1] {128} }"), HasSubstr("128 is no i8"));
  EXPECT_THAT(refusal("graph g () -> () { a = constant f32[?] {128} }"), HasSubstr("whole type"));
  EXPECT_THAT(refusal("graph g (x) -> () { y = Relu@14(x) {a=[1, 2.0]} }"), HasSubstr("one kind"));
  EXPECT_THAT(refusal("graph g (x) -> () { y = Relu(x) }"), HasSubstr("'@' is expected"));
  EXPECT_THAT(refusal("graph g (x) -> () {"), HasSubstr("expected"));
  EXPECT_THAT(refusal(""), HasSubstr("name is expected"));
}

TEST(GraphText, SurvivesEveryCutAndManyFlips) {
  const std::string text(kDemo);
  for (size_t length = 0; length < text.size(); ++length) {
    std::string cut = text.substr(0, length);
    (void)parse_graph(cut);
    for (int bit = 0; bit < 8; ++bit) {
      cut = text;
      cut[length] = static_cast<char>(cut[length] ^ (1 << bit));
      (void)parse_graph(cut);
    }
  }
  std::string deep;
  for (int i = 0; i < 10000; ++i) deep += "graph () -> () { If@16() {a=";
  EXPECT_THAT(refusal(deep), HasSubstr("no dtype"));
  deep.clear();
  for (int i = 0; i < 10000; ++i) deep += "graph () -> () { _ = If@16() {a=";
  EXPECT_THAT(refusal(deep), HasSubstr("too deep"));
}

}  // namespace
}  // namespace fovea
