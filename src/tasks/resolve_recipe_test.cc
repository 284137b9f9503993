// Who wins: flags, files, the model itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tasks/recipe.h"

namespace fovea::tasks {
namespace {

using image::CropRule;
using image::ResizeRule;
using image::Size;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Rgb kHalf = {0.5, 0.5, 0.5}, kZero = {0, 0, 0}, kOne = {1, 1, 1};

ModelFacts fixed(int64_t height, int64_t width) {
  ModelFacts facts;
  facts.input.batch = 1;
  facts.input.height = height;
  facts.input.width = width;
  facts.output.classes = 10;
  return facts;
}

Settings timm(Size size, double crop_pct) {
  Settings settings;
  settings.origin = "config.json";
  settings.input_size = size;
  settings.crop_pct = crop_pct;
  return settings;
}

Settings transformers(Size resize, Size crop) {
  Settings settings;
  settings.origin = "preprocessor_config.json";
  settings.transform.emplace();
  settings.transform->resize_rule = crop.height > 0 ? ResizeRule::shortest : ResizeRule::exact;
  settings.transform->resize = resize;
  settings.transform->crop_rule = crop.height > 0 ? CropRule::transformers : CropRule::none;
  settings.transform->crop = crop;
  settings.transform->rescale = 1.0 / 255;
  settings.transform->mean = settings.transform->std = kHalf;
  return settings;
}

Recipe resolved(const Settings& flags, const std::vector<Settings>& sources, const ModelFacts& facts) {
  auto recipe = resolve_recipe(flags, sources, facts);
  EXPECT_TRUE(recipe.ok()) << (recipe.ok() ? "" : recipe.error().to_string());
  return recipe.ok() ? *std::move(recipe) : Recipe();
}

std::string refusal(const Settings& flags, const std::vector<Settings>& sources, const ModelFacts& facts) {
  const auto recipe = resolve_recipe(flags, sources, facts);
  EXPECT_FALSE(recipe.ok());
  EXPECT_TRUE(recipe.ok() || recipe.error().code == ErrorCode::invalid_argument);
  return recipe.ok() ? "" : recipe.error().to_string();
}

TEST(Resolve, WithoutASourceImagenetIsAssumedAndSaid) {
  const Recipe recipe = resolved({}, {}, fixed(224, 224));
  EXPECT_EQ(recipe.transform.resize, (Size{256, 256}));
  EXPECT_EQ(recipe.transform.crop, (Size{224, 224}));
  EXPECT_EQ(recipe.transform.mean, (Rgb{0.485, 0.456, 0.406}));
  EXPECT_THAT(recipe.notes, ElementsAre(HasSubstr("--config FILE")));
}

TEST(Resolve, TheFirstSourceThatDescribesTheInputIsTaken) {
  Settings labels_only;
  labels_only.origin = "the model's metadata";
  labels_only.labels = {"a"};
  const Recipe recipe = resolved({}, {labels_only, timm({224, 224}, 0.9), timm({224, 224}, 0.5)}, fixed(224, 224));
  EXPECT_EQ(recipe.transform.resize, (Size{248, 248}));
  EXPECT_EQ(recipe.origin, "config.json");
  EXPECT_THAT(recipe.notes, IsEmpty());
  ASSERT_EQ(recipe.label_candidates.size(), 1u);
}

TEST(Resolve, FlagsOverruleSingleValues) {
  Settings flags;
  flags.crop_pct = 1.0;
  flags.mean = kHalf;
  flags.interpolation = image::Interpolation::bilinear;
  flags.order = image::ChannelOrder::bgr;
  const Recipe recipe = resolved(flags, {timm({224, 224}, 0.9)}, fixed(224, 224));
  EXPECT_EQ(recipe.transform.resize, (Size{224, 224}));
  EXPECT_EQ(recipe.transform.mean, kHalf);
  EXPECT_EQ(recipe.transform.std, (Rgb{0.229, 0.224, 0.225}));
  EXPECT_EQ(recipe.transform.interpolation, image::Interpolation::bilinear);
  EXPECT_EQ(recipe.transform.order, image::ChannelOrder::bgr);
}

TEST(Resolve, TheModelsSizeWinsAndItIsSaid) {
  const Recipe recipe = resolved({}, {timm({224, 224}, 0.875)}, fixed(384, 384));
  EXPECT_EQ(recipe.transform.crop, (Size{384, 384}));
  EXPECT_EQ(recipe.transform.resize, (Size{438, 438}));
  EXPECT_THAT(recipe.notes, ElementsAre(HasSubstr("input size 224x224, but the model takes 384x384: the model wins")));
}

TEST(Resolve, TheTestSizeOfTimmBringsItsOwnCrop) {
  Settings source = timm({224, 224}, 0.9);
  source.test_input_size = Size{288, 288};
  source.test_crop_pct = 1.0;
  const Recipe recipe = resolved({}, {source}, fixed(288, 288));
  EXPECT_EQ(recipe.transform.resize, (Size{288, 288}));
  EXPECT_THAT(recipe.notes, IsEmpty());
}

TEST(Resolve, TransformersSizesFollowTheModel) {
  const Recipe cropped = resolved({}, {transformers({256, 256}, {224, 224})}, fixed(448, 448));
  EXPECT_EQ(cropped.transform.resize.height, 512);
  EXPECT_EQ(cropped.transform.crop, (Size{448, 448}));
  EXPECT_EQ(cropped.notes.size(), 1u);
  const Recipe exact = resolved({}, {transformers({224, 224}, {})}, fixed(384, 384));
  EXPECT_EQ(exact.transform.resize, (Size{384, 384}));
  EXPECT_EQ(exact.transform.crop_rule, CropRule::none);
}

TEST(Resolve, FlagsThatTheModelCannotFollowAreRefused) {
  Settings size;
  size.input_size = Size{256, 256};
  EXPECT_THAT(refusal(size, {}, fixed(224, 224)), HasSubstr("--size 256x256, but the model takes 224x224"));
  Settings shortest;
  shortest.shortest = 640;
  EXPECT_THAT(refusal(shortest, {}, fixed(224, 224)), HasSubstr("dynamic height and width"));
  Settings divisor;
  divisor.divisor = 32;
  EXPECT_THAT(refusal(divisor, {}, {}), HasSubstr("--divisor goes with"));
  Settings both = shortest;
  both.crop_pct = 0.9;
  EXPECT_THAT(refusal(both, {}, {}), HasSubstr("crops nothing"));
  Settings std;
  std.std = kZero;
  EXPECT_THAT(refusal(std, {}, {}), HasSubstr("std 0"));
}

TEST(Resolve, DynamicSizesFollowTheShortSide) {
  Settings flags;
  flags.shortest = 640;
  const Recipe recipe = resolved(flags, {timm({224, 224}, 0.9)}, {});
  EXPECT_EQ(recipe.transform.resize_rule, ResizeRule::shortest);
  EXPECT_EQ(recipe.transform.resize.height, 640);
  EXPECT_EQ(recipe.transform.divisor, 32);
  EXPECT_EQ(recipe.transform.crop_rule, CropRule::none);
}

TEST(Resolve, DynamicSizesWithoutAWordGetTheRecipes) {
  EXPECT_EQ(resolved({}, {timm({288, 288}, 1.0)}, {}).transform.crop, (Size{288, 288}));
  Settings flags;
  flags.input_size = Size{416, 288};
  const Recipe recipe = resolved(flags, {timm({224, 224}, 1.0)}, {});
  EXPECT_EQ(recipe.transform.crop, (Size{416, 288}));
  EXPECT_EQ(recipe.transform.resize_rule, ResizeRule::cover);
}

TEST(Resolve, NormalisationInTheGraphIsNotDoneAgain) {
  ModelFacts facts = fixed(224, 224);
  facts.input.range = PixelRange::bytes;
  const Recipe bytes = resolved({}, {timm({224, 224}, 0.9)}, facts);
  EXPECT_EQ(bytes.transform.rescale, 1.0);
  EXPECT_EQ(bytes.transform.mean, kZero);
  EXPECT_EQ(bytes.transform.std, kOne);
  EXPECT_THAT(bytes.notes, ElementsAre(HasSubstr("normalises pixels itself: it gets 0 to 255")));
  facts.input.range = PixelRange::unit;
  const Recipe unit = resolved({}, {transformers({224, 224}, {})}, facts);
  EXPECT_EQ(unit.transform.rescale, std::nullopt);
  EXPECT_EQ(unit.transform.mean, kZero);
}

TEST(Resolve, MeanAsAFlagIsAppliedToAModelThatSeemsToNormalise) {
  ModelFacts facts = fixed(224, 224);
  facts.input.range = PixelRange::unit;
  Settings flags;
  flags.mean = flags.std = kHalf;
  const Recipe recipe = resolved(flags, {}, facts);
  EXPECT_EQ(recipe.transform.mean, kHalf);
  EXPECT_THAT(recipe.notes.back(), HasSubstr("asks for more"));
  facts.input.range = PixelRange::bytes;
  facts.input.dtype = DType::u8;
  EXPECT_THAT(refusal(flags, {}, facts), HasSubstr("no effect"));
}

TEST(Resolve, ABakedModelGetsThePhotoAsItIs) {
  ModelFacts facts;
  facts.input.dtype = DType::u8;
  facts.input.range = PixelRange::bytes;
  facts.input.layout = image::Layout::nhwc;
  facts.input.baked = true;
  facts.input.order = image::ChannelOrder::bgr;
  Settings beside;  // the configuration of the model that it was made from
  beside.input_size = image::Size{224, 224};
  beside.mean = kHalf;
  const Recipe recipe = resolved({}, {beside}, facts);
  EXPECT_EQ(recipe.transform.resize_rule, image::ResizeRule::none);
  EXPECT_EQ(recipe.transform.crop_rule, image::CropRule::none);
  EXPECT_EQ(recipe.transform.order, image::ChannelOrder::bgr);
  EXPECT_THAT(recipe.notes, IsEmpty());
  Settings flags;
  flags.crop_pct = 0.9;
  EXPECT_THAT(refusal(flags, {}, facts), HasSubstr("baked in"));
}

TEST(Resolve, BytesOfAnySizeInAPhotosOrderAreTakenForAPhoto) {
  ModelFacts facts;
  facts.input.dtype = DType::u8;
  facts.input.range = PixelRange::bytes;
  facts.input.layout = image::Layout::nhwc;
  const Recipe recipe = resolved({}, {}, facts);
  EXPECT_EQ(recipe.transform.resize_rule, image::ResizeRule::none);
  EXPECT_THAT(recipe.notes, ElementsAre(HasSubstr("as they are")));
  Settings flags;
  flags.input_size = image::Size{64, 64};
  EXPECT_EQ(resolved(flags, {}, facts).transform.crop, (image::Size{64, 64}));
}

TEST(ChooseLabels, TheFirstThatFitsIsTaken) {
  const std::vector<LabelCandidate> candidates = {{"config.json", {"a", "b", "c"}, false},
                                                  {"metadata", {"x", "y"}, false}};
  const auto choice = choose_labels(candidates, 2);
  ASSERT_TRUE(choice.ok());
  EXPECT_THAT(choice->labels, ElementsAre("x", "y"));
  EXPECT_THAT(choice->notes, ElementsAre(HasSubstr("config.json names 3 classes, but the model has 2")));
}

TEST(ChooseLabels, LabelsOfTheUserMustFit) {
  const std::vector<LabelCandidate> candidates = {{"--labels l.txt", {"a", "b", "c"}, true}};
  const auto choice = choose_labels(candidates, 2);
  ASSERT_FALSE(choice.ok());
  EXPECT_THAT(choice.error().to_string(), HasSubstr("--labels l.txt: 3 labels, but the model has 2 classes"));
}

TEST(ChooseLabels, AThousandClassesAreImagenets) {
  const auto thousand = choose_labels({}, 1000);
  EXPECT_EQ(thousand->labels[1], "goldfish, Carassius auratus");
  EXPECT_THAT(thousand->notes, ElementsAre(HasSubstr("taken for ImageNet's")));
  const auto tensorflow = choose_labels({}, 1001);
  EXPECT_EQ(tensorflow->labels[0], "background");
  EXPECT_EQ(tensorflow->labels[2], "goldfish, Carassius auratus");
  const auto other = choose_labels({}, 17);
  EXPECT_THAT(other->labels, IsEmpty());
  EXPECT_THAT(other->notes, ElementsAre(HasSubstr("by their index")));
}

}  // namespace
}  // namespace fovea::tasks
