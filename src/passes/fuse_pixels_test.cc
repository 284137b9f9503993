#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

Graph passed(std::string_view text, std::initializer_list<std::string_view> names, PassRecord* last = nullptr) {
  Graph graph = with_types(parsed(text));
  for (const std::string_view name : names) {
    const auto record = run_pass(graph, pass_named(name));
    EXPECT_TRUE(record.ok()) << record.error().to_string();
    if (last && record.ok()) *last = *record;
  }
  return graph;
}

/// The passes make `after` of `before`, and both compute exactly the same: the table is what the operators make.
void expect_pixels(std::string_view before, std::string_view after,
                   std::initializer_list<std::string_view> names = {"channels_last", "fuse_pixels"}) {
  const Graph graph = passed(before, names);
  EXPECT_EQ(structure(graph), structure(parsed(after)));
  expect_same_results(parsed(before), graph, 0);
}

TEST(FusePixels, MeanAndDeviationBecomeATable) {
  expect_pixels(R"(graph (u8[2,8,9,3] photo) -> (y) {
    m = constant f32[3] {120, 110, 100}  d = constant f32[1,1,1,3] {58, 57, 56.5}  w = constant f32[4,3,3,3] random(1)
    f = Cast@13(photo) {to=1}  s = Sub@14(f, m)  n = Div@14(s, d)  t = Transpose@13(n) {perm=[0, 3, 1, 2]}
    y = Conv@11(t, w) {pads=[1, 1, 1, 1], strides=[2, 2]}
  })",
                R"(graph (u8[2,8,9,3] photo) -> (y) {
    w = constant f32[4,3,3,3] random(1)  table = constant f32[3,256] fill(1)
    c = fovea.Conv@1(photo, w, _, _, _, _, table) {pads=[1, 1, 1, 1], strides=[2, 2]}
    y = Transpose@13(c) {perm=[0, 3, 1, 2]}
  })");
}

TEST(FusePixels, ThePlanesOfAnImageAreTurnedAsBytes) {
  expect_pixels(R"(graph (u8[1,3,8,9] photo) -> (y) {
    k = constant f32[] {0.00392156862745098}  m = constant f32[3,1,1] {0.4, 0.5, 0.6}
    d = constant f32[1,3,1,1] {0.25, 0.5, 0.3}  w = constant f32[4,3,2,2] random(1)
    f = Cast@13(photo) {to=1}  r = Mul@14(f, k)  s = Sub@14(r, m)  n = Div@14(s, d)
    y = Conv@11(n, w) {strides=[2, 2]}
  })",
                R"(graph (u8[1,3,8,9] photo) -> (y) {
    w = constant f32[4,3,2,2] random(1)  table = constant f32[3,256] fill(1)
    b = Transpose@13(photo) {perm=[0, 2, 3, 1]}
    c = fovea.Conv@1(b, w, _, _, _, _, table) {strides=[2, 2]}
    y = Transpose@13(c) {perm=[0, 3, 1, 2]}
  })");
}

TEST(FusePixels, BytesThatTheModelTurnsItselfStayAsTheyAre) {
  expect_pixels(R"(graph (u8[1,8,9,3] photo) -> (y) {
    m = constant f32[3,1,1] {0.4, 0.5, 0.6}  w = constant f32[4,3,2,2] random(1)
    t = Transpose@13(photo) {perm=[0, 3, 1, 2]}  f = Cast@13(t) {to=1}  s = Sub@14(f, m)
    y = Conv@11(s, w) {strides=[2, 2]}
  })",
                R"(graph (u8[1,8,9,3] photo) -> (y) {
    w = constant f32[4,3,2,2] random(1)  table = constant f32[3,256] fill(1)
    c = fovea.Conv@1(photo, w, _, _, _, _, table) {strides=[2, 2]}
    y = Transpose@13(c) {perm=[0, 3, 1, 2]}
  })");
}

constexpr std::string_view kQuantised = R"(graph (u8[1,8,9,3] photo) -> (y) {
    m = constant f32[3] {120, 110, 100}  d = constant f32[3] {58, 57, 56.5}  ws = constant f32[] {0.01}
    s = constant f32[] {0.02}  z = constant u8[] {114}  w = constant i8[4,3,3,3] random(1)
    f = Cast@13(photo) {to=1}  a = Sub@14(f, m)  n = Div@14(a, d)  t = Transpose@13(n) {perm=[0, 3, 1, 2]}
    q = QuantizeLinear@13(t, s, z)  x = DequantizeLinear@13(q, s, z)  v = DequantizeLinear@13(w, ws)
    y = Conv@11(x, v) {pads=[1, 1, 1, 1]}
  })";

TEST(FusePixels, TheQuantisationIsPartOfTheTable) {
  const Graph plain = passed(kQuantised, {"channels_last", "move_dequantize", "fuse_quantized"});
  const Graph graph = passed(kQuantised, {"channels_last", "move_dequantize", "fuse_quantized", "fuse_pixels"});
  EXPECT_EQ(structure(graph), structure(parsed(R"(graph (u8[1,8,9,3] photo) -> (y) {
    w = constant i8[4,3,3,3] random(1)  m = constant f32[4] fill(1)  table = constant u8[3,256] fill(1)
    c = fovea.QConv@1(photo, w, m, _, _, _, _, _, _, _, _, _, _, _, table) {pads=[1, 1, 1, 1], x_zero=114, w_zero=0}
    y = Transpose@13(c) {perm=[0, 3, 1, 2]}
  })")));
  expect_same_results(plain, graph, 0);
}

TEST(FusePixels, WhatDiffersFromPixelToPixelStays) {
  PassRecord record;
  const Graph graph = passed(R"(graph (u8[1,3,4,3] photo) -> (y) {
    m = constant f32[1,3,1,1] {1, 2, 3}  w = constant f32[4,3,2,2] random(1)
    f = Cast@13(photo) {to=1}  s = Sub@14(f, m)  t = Transpose@13(s) {perm=[0, 3, 1, 2]}  y = Conv@11(t, w)
  })",
                             {"channels_last", "fuse_pixels"}, &record);
  EXPECT_EQ(record.applied, 0);
  EXPECT_EQ(record.refused, 1);
}

TEST(FusePixels, ProductsThatReadTheirImageInPlaceAreLeftAlone) {
  for (const std::string_view conv : {"constant f32[4,3,1,1] random(1)", "constant f32[3,1,3,3] random(1)"}) {
    PassRecord record;
    const std::string groups = conv.find("[3,1") != std::string_view::npos ? "{group=3}" : "";
    passed("graph (u8[1,8,9,3] photo) -> (y) { w = " + std::string(conv) +
               "  f = Cast@13(photo) {to=1}  t = Transpose@13(f) {perm=[0, 3, 1, 2]}  y = Conv@11(t, w)" + groups +
               " }",
           {"channels_last", "fuse_pixels"}, &record);
    EXPECT_EQ(record.applied, 0);
    EXPECT_EQ(record.refused, 1);
  }
}

TEST(FusePixels, FloatsAreNoBytes) {
  PassRecord record;
  passed(R"(graph (f32[1,8,9,3] photo) -> (y) {
    w = constant f32[4,3,2,2] random(1)  k = constant f32[] {2}
    s = Mul@14(photo, k)  t = Transpose@13(s) {perm=[0, 3, 1, 2]}  y = Conv@11(t, w)
  })",
         {"channels_last", "fuse_pixels"}, &record);
  EXPECT_EQ(record.applied + record.refused, 0);
}

}  // namespace
}  // namespace fovea::passes
