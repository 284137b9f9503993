// Baked graphs beside image/transform.h: the same sizes, and the same pixels within what the operators leave open.
#include "pipeline/bake/bake.h"

#include <cmath>
#include <random>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/text.h"
#include "onnx/read.h"
#include "onnx/write.h"
#include "ops/evaluate.h"
#include "pipeline/bake/explain.h"
#include "tasks/baked_note.h"
#include "tasks/classification.h"

namespace fovea::pipeline {
namespace {

using image::CropRule;
using image::Interpolation;
using image::ResizeRule;
using image::Size;
using image::TimmCropMode;
using image::TransformSpec;
using testing::Each;
using testing::HasSubstr;

// Whole levels differ by one at most where the float result is within 1.1 levels of Pillow's, as it is on smooth
// content (facts: one rounding less, between the passes, which a filter with negative lobes widens a little).
constexpr double kOneLevel = 1.0;

Graph parsed(std::string_view text) {
  auto graph = parse_graph(text);
  EXPECT_TRUE(graph.ok()) << graph.error().to_string();
  return graph.ok() ? std::move(graph).value() : Graph();
}

/// A photo of slow waves, or of noise.
image::Image photo(Size size, bool noise = false) {
  image::Image made = *image::Image::allocate(size.height, size.width);
  std::mt19937 random(static_cast<uint32_t>(size.height * 10007 + size.width));
  for (int64_t y = 0; y < size.height; ++y)
    for (int64_t x = 0; x < size.width; ++x)
      for (int64_t c = 0; c < 3; ++c) {
        const double fx = static_cast<double>(x), fy = static_cast<double>(y), fc = static_cast<double>(c);
        made.row(y)[3 * x + c] = noise
                                     ? static_cast<uint8_t>(random() & 255)
                                     : static_cast<uint8_t>(127 + 120 * std::sin(fx * 0.06 + fc) * std::cos(fy * 0.05));
      }
  return made;
}

Tensor as_tensor(const image::Image& pixels, image::Layout layout = image::Layout::nhwc, bool bgr = false) {
  const int64_t h = pixels.height(), w = pixels.width();
  const bool nhwc = layout == image::Layout::nhwc;
  Tensor tensor = *Tensor::allocate(DType::u8, nhwc ? Shape{1, h, w, 3} : Shape{1, 3, h, w});
  auto* to = tensor.mutable_view().as<uint8_t>();
  for (int64_t i = 0; i < h * w; ++i)
    for (int64_t c = 0; c < 3; ++c) to[nhwc ? 3 * i + c : c * h * w + i] = pixels.data()[3 * i + (bgr ? 2 - c : c)];
  return tensor;
}

/// A recipe whose values are the levels themselves.
TransformSpec levels(TransformSpec spec) {
  spec.mean = {0, 0, 0};
  spec.std = {1, 1, 1};
  spec.rescale = 1.0;
  return spec;
}

TransformSpec timm(Size input, double crop_pct, TimmCropMode mode,
                   Interpolation interpolation = Interpolation::bicubic) {
  return levels(image::timm_transform(input, crop_pct, mode, interpolation, {0.4, 0.5, 0.6}, {1, 1, 1}));
}

/// What the recipe makes of a photo, through a model that answers its input.
tasks::Recipe recipe_of(const TransformSpec& spec) {
  tasks::Recipe recipe;
  recipe.transform = spec;
  recipe.facts.input.name = "input";
  recipe.facts.input.layout = spec.layout;
  return recipe;
}

Result<Baked> bake_identity(const TransformSpec& spec, const BakeOptions& options) {
  const bool nhwc = spec.layout == image::Layout::nhwc;
  return bake(parsed(fmt::format("graph (f32[{}] input) -> (output) {{ output = Identity@17(input) }}",
                                 nhwc ? "batch,h,w,3" : "batch,3,h,w")),
              recipe_of(spec), options);
}

struct Difference {
  double largest = 0, mean = 0;
};

/// The baked graph's answer beside the transform's, in levels.
Difference difference(const TransformSpec& spec, const BakeOptions& options, const image::Image& pixels) {
  const auto baked = bake_identity(spec, options);
  EXPECT_TRUE(baked.ok()) << baked.error().to_string();
  if (!baked.ok()) return {1e9, 1e9};
  const Tensor fed = as_tensor(pixels, options.layout, options.order == image::ChannelOrder::bgr);
  const auto answer = ops::evaluate(baked->graph, std::span(&fed, 1));
  EXPECT_TRUE(answer.ok()) << answer.error().to_string();
  if (!answer.ok()) return {1e9, 1e9};
  const auto transform = *image::Transform::create(spec);
  const Size size = *transform.output_size(pixels.size());
  const Shape shape =
      spec.layout == image::Layout::nhwc ? Shape{1, size.height, size.width, 3} : Shape{1, 3, size.height, size.width};
  EXPECT_EQ((*answer)[0].shape(), shape);
  if ((*answer)[0].shape() != shape) return {1e9, 1e9};
  Tensor wanted = *Tensor::allocate(DType::f32, shape);
  EXPECT_TRUE(transform.run(pixels.view(), wanted.mutable_view()).ok());
  Difference result;
  for (int64_t i = 0; i < wanted.size(); ++i) {
    const double d = std::fabs(static_cast<double>((*answer)[0].data<float>()[i] - wanted.data<float>()[i]));
    result.largest = std::max(result.largest, d);
    result.mean += d / static_cast<double>(wanted.size());
  }
  return result;
}

constexpr Size kPhotos[] = {{60, 90}, {90, 60}, {33, 33}, {1, 1}, {2, 70}, {70, 3}, {200, 31}};

TEST(Bake, EveryCropModeGivesTheTransformsPixels) {
  const TransformSpec specs[] = {timm({24, 24}, 0.875, TimmCropMode::center), timm({24, 32}, 0.9, TimmCropMode::center),
                                 timm({24, 32}, 1, TimmCropMode::squash), timm({24, 32}, 0.875, TimmCropMode::border),
                                 timm({24, 24}, 1.3, TimmCropMode::center)};  // the last one pads
  for (const TransformSpec& spec : specs)
    for (const Size size : kPhotos) {
      SCOPED_TRACE(fmt::format("{} of {}x{}", tasks::describe(spec), size.height, size.width));
      EXPECT_LE(difference(spec, {.resize = BakeResize::operation}, photo(size)).largest, kOneLevel);
      // Rounded between the passes, in Pillow's order: noise, too. Ties may fall the other way.
      const Difference products = difference(spec, {.resize = BakeResize::matmul, .photo = size}, photo(size, true));
      EXPECT_LE(products.largest, kOneLevel);
      EXPECT_LE(products.mean, 0.01);
      EXPECT_LE(difference(spec, {.resize = BakeResize::matmul}, photo(size)).largest, kOneLevel);
      const Difference passes = difference(spec, {.resize = BakeResize::bytes}, photo(size, true));
      EXPECT_LE(passes.largest, kOneLevel);
      EXPECT_LE(passes.mean, 0.02);  // twice as many ties: fovea rounds halves of bytes to even
    }
}

TEST(Bake, EveryInterpolationGivesTheTransformsPixels) {
  for (const auto interpolation : {Interpolation::nearest, Interpolation::box, Interpolation::bilinear,
                                   Interpolation::hamming, Interpolation::bicubic, Interpolation::lanczos})
    for (const Size size : {Size{60, 90}, Size{20, 13}, Size{31, 200}}) {
      SCOPED_TRACE(fmt::format("{} of {}x{}", image::name_of(interpolation), size.height, size.width));
      const TransformSpec spec = timm({24, 32}, 0.9, TimmCropMode::center, interpolation);
      for (const auto how : {BakeResize::operation, BakeResize::bytes, BakeResize::matmul}) {
        const Difference any = difference(spec, {.resize = how}, photo(size));
        const Difference known = difference(spec, {.resize = how, .photo = size}, photo(size));
        // Where the edge of a box, or the nearest pixel, lies exactly between two, Pillow's choice is one of rounding.
        const bool ties = interpolation == Interpolation::nearest || interpolation == Interpolation::box;
        EXPECT_LE(any.largest, ties ? 8.0 : kOneLevel);  // the waves rise by 7.2 levels a pixel
        EXPECT_LE(any.mean, 0.5);
        EXPECT_LE(known.largest, interpolation == Interpolation::nearest ? 0.0 : kOneLevel);
      }
    }
}

TEST(Bake, OtherRulesGiveTheTransformsPixels) {
  TransformSpec spec = levels({});
  spec.fill = {7, 80, 200};
  for (const auto rule : {ResizeRule::none, ResizeRule::shortest_capped, ResizeRule::fit, ResizeRule::shortest})
    for (const auto crop : {CropRule::none, CropRule::torchvision, CropRule::transformers})
      for (const int64_t divisor : {1, 8}) {
        spec.resize_rule = rule;
        spec.crop_rule = crop;
        spec.divisor = rule == ResizeRule::none ? 1 : divisor;
        spec.resize = {24, 40};
        spec.crop = {25, 30};
        for (const Size size : {Size{60, 91}, Size{24, 77}, Size{19, 19}, Size{26, 31}}) {
          SCOPED_TRACE(fmt::format("{} of {}x{}", tasks::describe(spec), size.height, size.width));
          EXPECT_LE(difference(spec, {.resize = BakeResize::matmul}, photo(size)).largest, kOneLevel);
        }
      }
}

TEST(Bake, LayoutsAndOrdersOfPhotoAndModel) {
  for (const auto layout : {image::Layout::nhwc, image::Layout::nchw})
    for (const auto order : {image::ChannelOrder::rgb, image::ChannelOrder::bgr}) {
      TransformSpec spec = timm({24, 32}, 0.875, TimmCropMode::border);
      for (const auto model_layout : {image::Layout::nhwc, image::Layout::nchw})
        for (const auto model_order : {image::ChannelOrder::rgb, image::ChannelOrder::bgr}) {
          spec.layout = model_layout;
          spec.order = model_order;
          EXPECT_LE(difference(spec, {.layout = layout, .order = order}, photo({40, 90})).largest, kOneLevel);
        }
    }
}

TEST(Bake, ValuesAreTheTransformsBitForBit) {
  TransformSpec spec = image::timm_transform({24, 24}, 1, TimmCropMode::center, Interpolation::nearest,
                                             {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225});
  EXPECT_EQ(difference(spec, {.photo = Size{50, 80}}, photo({50, 80}, true)).largest, 0);
}

/// The sizes of many photos through one graph of arithmetic.
void expect_equal_sizes(const TransformSpec& spec, std::mt19937& random) {
  Graph graph;
  const ValueType type = ValueType::of({DType::i64, {1}});
  graph.inputs = {graph.add_value("h", type), graph.add_value("w", type)};
  Builder b(graph, 18);
  const Extents size = resized(b, spec, {graph.inputs[0], graph.inputs[1]});
  graph.outputs = {size.height, size.width};
  const auto transform = *image::Transform::create(spec);
  for (int i = 0; i < 400; ++i) {
    // Evenly over orders of magnitude: lines and dots as often as photos.
    const auto side = [&] { return static_cast<int64_t>(std::exp(std::uniform_real_distribution(0.0, 9.5)(random))); };
    const Size from{side(), side()};
    const auto wanted = transform.output_size(from);
    if (!wanted.ok()) continue;  // no pixels would be left
    const Tensor fed[] = {Tensor::of<int64_t>({1}, {from.height}), Tensor::of<int64_t>({1}, {from.width})};
    const auto got = ops::evaluate(graph, fed);
    ASSERT_TRUE(got.ok()) << got.error().to_string();
    ASSERT_EQ((Size{(*got)[0].data<int64_t>()[0], (*got)[1].data<int64_t>()[0]}), *wanted)
        << tasks::describe(spec) << " of " << from.height << "x" << from.width;
  }
}

TEST(Sizes, AreThoseOfTheTransform) {
  std::mt19937 random(7);
  for (const auto rule : {ResizeRule::exact, ResizeRule::shortest, ResizeRule::cover, ResizeRule::contain,
                          ResizeRule::shortest_capped, ResizeRule::fit})
    for (const Size target : {Size{256, 256}, Size{475, 329}, Size{235, 400}, Size{7, 512}})
      for (const int64_t divisor : {1, 32}) {
        TransformSpec spec;
        spec.resize_rule = rule;
        spec.resize = target;
        spec.divisor = divisor;
        spec.crop_rule = CropRule::none;
        expect_equal_sizes(spec, random);
      }
}

TEST(Window, IsRoundedHalfToEvenOrDown) {
  for (int64_t side = 1; side < 20; ++side)
    for (int64_t crop = 1; crop < 20; ++crop)
      for (const auto rule : {CropRule::torchvision, CropRule::transformers}) {
        Graph graph;
        Builder b(graph, 18);
        const Window w = window(b, rule, b.integer(side), crop, true);
        const bool torch = rule == CropRule::torchvision;
        const int64_t missing = std::max<int64_t>(crop - side, 0), spare = std::max<int64_t>(side - crop, 0);
        const int64_t half = spare / 2;
        EXPECT_EQ(b.known(w.from), torch && spare % 2 == 1 && half % 2 == 1 ? half + 1 : half);
        EXPECT_EQ(b.known(w.count), std::min(side, crop));
        EXPECT_EQ(b.known(w.before), torch ? missing / 2 : (missing + 1) / 2);
        EXPECT_EQ(*b.known(w.before) + *b.known(w.after), missing);
        EXPECT_TRUE(graph.order().empty()) << "what is known leaves no nodes";
      }
}

constexpr std::string_view kModel = R"(graph (f32[batch,3,24,24] input) -> (scores) {
  metadata "author" = "nobody"
  metadata "fovea.recipe" = "{}"
  w = constant f32[3,4] random(3)
  p = GlobalAveragePool@11(input)
  f = Flatten@11(p)
  f32[batch,4] scores = MatMul@11(f, w)
})";

tasks::Recipe model_recipe(const Graph& graph) {
  tasks::Recipe recipe = recipe_of(timm({24, 24}, 0.875, TimmCropMode::center));
  recipe.facts = *tasks::examine(graph);
  return recipe;
}

TEST(Bake, AnswersWithTheBestClasses) {
  const Graph model = parsed(kModel);
  const tasks::Recipe recipe = model_recipe(model);
  const auto plain = bake(model, recipe, {}), best = bake(model, recipe, {.top_k = 2});
  ASSERT_TRUE(best.ok()) << best.error().to_string();
  const Tensor fed = as_tensor(photo({50, 80}));
  const auto scores = *ops::evaluate(plain->graph, std::span(&fed, 1));
  const auto answer = *ops::evaluate(best->graph, std::span(&fed, 1));
  const auto wanted = *tasks::classify_scores(scores[0].values<float>(), tasks::Activation::none, 2);
  ASSERT_EQ(answer[0].shape(), (Shape{1, 2}));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(answer[0].values<int64_t>()[i], wanted[i].index);
    EXPECT_NEAR(static_cast<double>(answer[1].values<float>()[i]), wanted[i].probability, 1e-6);
  }
  EXPECT_EQ(tasks::examine(best->graph)->output.indices, 0u);
  EXPECT_EQ(tasks::examine(best->graph)->output.classes, 4);
  EXPECT_THAT(bake(model, recipe, {.top_k = 5}).error().to_string(), HasSubstr("best 5 of 4"));
}

TEST(Bake, WritesOneModelThatSaysWhatItIs) {
  const Graph model = parsed(kModel);
  const auto baked = bake(model, model_recipe(model), {});
  ASSERT_TRUE(baked.ok()) << baked.error().to_string();
  EXPECT_THAT(baked->notes, testing::ElementsAre(HasSubstr("opset 11 to 18")));
  const auto bytes = onnx::serialize_model(baked->graph);
  ASSERT_TRUE(bytes.ok()) << bytes.error().to_string();
  const auto read = onnx::read_model(std::as_bytes(std::span(*bytes)), nullptr);
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_EQ(read->metadata.at("author"), "nobody");
  EXPECT_FALSE(read->metadata.contains("fovea.recipe"));
  const auto facts = tasks::examine(*read);
  ASSERT_TRUE(facts.ok());
  EXPECT_TRUE(facts->input.baked);
  EXPECT_EQ(facts->input.name, "photo");
  EXPECT_EQ(facts->input.dtype, DType::u8);
  int of_the_model = 0;
  for (NodeId id : read->order()) of_the_model += !read->node(id).name.starts_with("fovea/bake/");
  EXPECT_EQ(of_the_model, 3);
  const auto again = bake(*read, model_recipe(*read), {});
  ASSERT_FALSE(again.ok());
  EXPECT_THAT(again.error().to_string(), HasSubstr("baked already"));
}

TEST(Bake, APhotoOfKnownSizeLeavesNoArithmetic) {
  const auto baked =
      bake_identity(timm({24, 24}, 0.875, TimmCropMode::border),
                    {.resize = BakeResize::matmul, .photo = Size{60, 90}, .layout = image::Layout::nchw});
  ASSERT_TRUE(baked.ok());
  std::vector<std::string> operators;
  for (NodeId id : baked->graph.order()) operators.push_back(baked->graph.node(id).op_type);
  EXPECT_THAT(operators,
              Each(testing::AnyOf("Cast", "MatMul", "Add", "Floor", "Clip", "Sub", "Pad", "Reshape", "Identity")));
}

TEST(Bake, RefusesWhatAGraphCannotDo) {
  tasks::Recipe recipe = recipe_of(timm({24, 24}, 1, TimmCropMode::center));
  recipe.apply_orientation = true;
  const Graph model = parsed("graph (f32[batch,3,24,24] input) -> (y) { y = Relu@17(input) }");
  EXPECT_THAT(bake(model, recipe, {}).error().to_string(), HasSubstr("orientation"));
}

TEST(Explain, NamesEveryBackendAndWhatHelps) {
  const auto lines = explain(timm({24, 24}, 1, TimmCropMode::center), {});
  for (std::string_view backend : {"native", "onnxruntime", "openvino", "tensorrt", "torch", "tvm"})
    EXPECT_TRUE(std::ranges::any_of(lines, [&](const Explanation& line) { return line.backend == backend; }))
        << backend;
  for (const Explanation& line : lines)
    EXPECT_FALSE(line.verdict == Verdict::refused && (line.reason.empty() || line.instead.empty())) << line.part;
  const auto known = explain(timm({24, 24}, 1, TimmCropMode::center),
                             {.resize = BakeResize::matmul, .photo = Size{60, 90}, .layout = image::Layout::nchw});
  for (const Explanation& line : known)
    EXPECT_FALSE((line.backend == "openvino" || line.backend == "tensorrt") && line.verdict != Verdict::as_is)
        << line.part;
}

}  // namespace
}  // namespace fovea::pipeline
