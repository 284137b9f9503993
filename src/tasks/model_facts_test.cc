// What is recognised in graphs: layouts, normalisation, Softmax; and what must not be.
#include "tasks/model_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/text.h"

namespace fovea::tasks {
namespace {

Result<ModelFacts> facts_of(const std::string& text) {
  const auto graph = parse_graph(text);
  EXPECT_TRUE(graph.ok()) << graph.error().to_string();
  return examine(*graph);
}

/// A classifier whose first nodes are `head`, which makes `x` of `image`.
std::string with_head(const std::string& head, const std::string& input = "f32[batch,3,32,32] image") {
  return "graph g (" + input + ") -> (scores) {\n" + head +
         "\n  w = constant f32[10,3,32,32] zeros\n  y = Conv@13(x, w)\n  f32[batch,10] scores = Flatten@13(y)\n}\n";
}

TEST(Input, IsReadFromTheShape) {
  const auto nchw = facts_of(with_head("  x = Identity@13(image)"));
  ASSERT_TRUE(nchw.ok()) << nchw.error().to_string();
  EXPECT_EQ(nchw->input.name, "image");
  EXPECT_EQ(nchw->input.layout, image::Layout::nchw);
  EXPECT_EQ(nchw->input.batch, std::nullopt);
  EXPECT_EQ(nchw->input.height, 32);
  EXPECT_EQ(nchw->output.classes, 10);
  EXPECT_EQ(nchw->input.range, PixelRange::normalized);

  const auto nhwc = facts_of(with_head("  x = Transpose@13(image) {perm=[0, 3, 1, 2]}", "f32[1,h,w,3] image"));
  ASSERT_TRUE(nhwc.ok());
  EXPECT_EQ(nhwc->input.layout, image::Layout::nhwc);
  EXPECT_EQ(nhwc->input.batch, 1);
  EXPECT_EQ(nhwc->input.height, std::nullopt);
}

TEST(Input, RefusesWhatTakesNoPhotos) {
  const std::pair<const char*, const char*> cases[] = {
      {"f32[batch,1,28,28] image", "3 channels"},   {"f32[batch,3,32] image", "four dimensions"},
      {"i64[batch,3,32,32] image", "floats or u8"}, {"f32[batch,3,32,32] image, f32[4] other", "2 inputs"},
      {"f32[0,3,32,32] image", "holds nothing"},
  };
  for (const auto& [input, expected] : cases) {
    const auto facts = facts_of(with_head("  x = Identity@13(image)", input));
    ASSERT_FALSE(facts.ok()) << input;
    EXPECT_EQ(facts.error().code, ErrorCode::unsupported);
    EXPECT_THAT(facts.error().to_string(), testing::HasSubstr(expected)) << input;
  }
}

TEST(Normalisation, IsRecognisedBeforeTheFirstConvolution) {
  const std::pair<const char*, PixelRange> cases[] = {
      {"  m = constant f32[1,3,1,1] {0.485, 0.456, 0.406}\n  s = constant f32[1,3,1,1] {0.229, 0.224, 0.225}\n"
       "  a = Sub@13(image, m)\n  x = Div@13(a, s)",
       PixelRange::unit},
      {"  m = constant f32[3,1,1] {123.675, 116.28, 103.53}\n  s = constant f32[3,1,1] {0.0171, 0.0175, 0.0174}\n"
       "  a = Sub@13(image, m)\n  x = Mul@13(a, s)",
       PixelRange::bytes},
      {"  s = constant f32[] {0.0039215688}\n  x = Mul@13(image, s)", PixelRange::bytes},
      {"  s = constant f32[] {127.5}\n  o = constant f32[] {-1.0}\n  a = Div@13(image, s)\n  x = Add@13(a, o)",
       PixelRange::bytes},
      {"  s = constant f32[] {2.0}\n  o = constant f32[] {1.0}\n  a = Mul@13(s, image)\n  x = Sub@13(a, o)",
       PixelRange::unit},
      {"  m = constant f32[1,3,1,1] {123.68, 116.779, 103.939}\n  x = Sub@13(image, m)", PixelRange::bytes},
      {"  m = constant f32[3] {0.5, 0.5, 0.5}\n  axes = constant i64[3] {0, 2, 3}\n  r = Unsqueeze@13(m, axes)\n"
       "  a = Sub@13(image, r)\n  x = Div@13(a, r)",
       PixelRange::unit},
  };
  for (const auto& [head, expected] : cases) {
    const auto facts = facts_of(with_head(head));
    ASSERT_TRUE(facts.ok()) << facts.error().to_string();
    EXPECT_EQ(facts->input.range, expected) << head;
  }
}

TEST(Normalisation, IsNotSeenWhereThereIsNone) {
  const char* cases[] = {
      // torchvision's transform_input: from ImageNet's normalisation to Inception's
      R"(  g = constant f32[1,3,1,1] {0.458, 0.448, 0.45}
           o = constant f32[1,3,1,1] {-0.03, -0.088, -0.188}
           a = Mul@13(image, g)
           x = Add@13(a, o))",
      "  s = constant f32[] {2.0}\n  x = Mul@13(image, s)",                            // a mere scale
      "  m = constant f32[1,3,1,1] {0.485, 0.456, 0.406}\n  x = Sub@13(m, image)",     // the other way round
      "  p = constant f32[1,3,32,32] fill(0.5)\n  x = Add@13(image, p)",               // an embedding
      "  s = constant f32[] {127.5}\n  a = Div@13(image, s)\n  x = Add@13(a, image)",  // used twice
      "  z = constant f32[] {0.0}\n  x = Div@13(image, z)",
  };
  for (const char* head : cases) {
    const auto facts = facts_of(with_head(head));
    ASSERT_TRUE(facts.ok()) << facts.error().to_string();
    EXPECT_EQ(facts->input.range, PixelRange::normalized) << head;
  }
}

TEST(Normalisation, BytesAreWhatU8Takes) {
  const auto facts = facts_of(with_head("  x = Cast@13(image) {to=1}", "u8[1,3,32,32] image"));
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts->input.dtype, DType::u8);
  EXPECT_EQ(facts->input.range, PixelRange::bytes);
}

std::string with_tail(const std::string& outputs, const std::string& tail) {
  return "graph g (f32[1,3,8,8] image) -> (" + outputs +
         ") {\n  w = constant f32[5,3,8,8] zeros\n  y = Conv@13(image, w)\n" + "  f = Flatten@13(y)\n" + tail + "\n}\n";
}

TEST(Output, SoftmaxAndSigmoidAreRecognised) {
  const auto logits = facts_of(with_tail("out", "  f32[1,5] out = Identity@13(f)"));
  EXPECT_EQ(logits->output.activation, Activation::none);
  const auto softmax = facts_of(with_tail("out", "  s = Softmax@13(f)\n  f32[1,5] out = Identity@13(s)"));
  EXPECT_EQ(softmax->output.activation, Activation::softmax);
  const auto sigmoid = facts_of(with_tail("out", "  f32[1,5] out = Sigmoid@13(f)"));
  EXPECT_EQ(sigmoid->output.activation, Activation::sigmoid);
  const auto inside = facts_of(with_tail("out", "  s = Softmax@13(f)\n  f32[1,5] out = Mul@13(s, f)"));
  EXPECT_EQ(inside->output.activation, Activation::none);
}

TEST(Output, LogitsAreChosenAmongSeveral) {
  const auto facts = facts_of(with_tail("map, pooled, logits",
                                        "  f32[1,5,1,7] map = Relu@13(y)\n  f32[1,9] pooled = Identity@13(f)\n"
                                        "  f32[1,5] logits = Identity@13(f)"));
  ASSERT_TRUE(facts.ok());
  EXPECT_EQ(facts->output.index, 2u);
  EXPECT_EQ(facts->output.classes, 5);
}

TEST(Output, FeatureMapsAreNoScores) {
  const auto facts = facts_of(with_tail("map", "  f32[1,5,4,4] map = Relu@13(y)"));
  ASSERT_FALSE(facts.ok());
  EXPECT_THAT(facts.error().to_string(), testing::HasSubstr("fovea run"));
  // The input is known all the same.
  const auto input = examine_input(*parse_graph(with_tail("map", "  f32[1,5,4,4] map = Relu@13(y)")));
  ASSERT_TRUE(input.ok());
  EXPECT_EQ(input->layout, image::Layout::nchw);
}

TEST(Baked, IsReadFromTheNoteOfBake) {
  const auto graph_with = [&](const std::string& note) {
    return facts_of("graph (u8[batch,h,w,3] photo) -> (best, p) {\n  metadata \"fovea.baked\" = \"" + note +
                    "\"\n  x = constant f32[1,2] {0.5, 0.3}\n  best = constant i64[1,2] {1, 0}\n" +
                    "  f32[batch,2] p = Relu@18(x)\n}");
  };
  const auto facts = graph_with(R"({\"channel_order\": \"bgr\", \"top_k\": 2, \"classes\": 10})");
  ASSERT_TRUE(facts.ok()) << facts.error().to_string();
  EXPECT_TRUE(facts->input.baked);
  EXPECT_EQ(facts->input.order, image::ChannelOrder::bgr);
  EXPECT_EQ(facts->output.index, 1u);
  EXPECT_EQ(facts->output.indices, 0u);
  EXPECT_EQ(facts->output.classes, 10);
  for (const char* damaged : {"[]", "no json", R"({\"top_k\": -1})", R"({\"classes\": 99999999999})"}) {
    const auto refused = graph_with(damaged);
    ASSERT_FALSE(refused.ok()) << damaged;
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_model) << damaged;
    EXPECT_THAT(refused.error().to_string(), testing::HasSubstr("fovea.baked"));
  }
}

}  // namespace
}  // namespace fovea::tasks
