// What timm and transformers write, read back: one case a kind of file, as they are found on the hubs.
#include "tasks/read_recipe.h"

#include <unistd.h>

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace fovea::tasks {
namespace {

using image::CropRule;
using image::Interpolation;
using image::ResizeRule;
using image::Size;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Rgb kHalf = {0.5, 0.5, 0.5}, kImagenetMean = {0.485, 0.456, 0.406}, kImagenetStd = {0.229, 0.224, 0.225};

Settings timm(const char* text) {
  auto settings = settings_of_timm(json::parse(text));
  EXPECT_TRUE(settings.ok()) << (settings.ok() ? "" : settings.error().to_string());
  return settings.ok() ? *settings : Settings();
}

TEST(Timm, HubConfigHasTheRecipeInsidePretrainedCfg) {
  const Settings s = timm(R"({
    "architecture": "convnext_tiny", "num_classes": 1000, "num_features": 768, "global_pool": "avg",
    "pretrained_cfg": {"tag": "in12k_ft_in1k", "custom_load": false, "input_size": [3, 224, 224],
      "test_input_size": [3, 288, 288], "fixed_input_size": false, "interpolation": "bicubic", "crop_pct": 0.95,
      "test_crop_pct": 1.0, "crop_mode": "center", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
      "num_classes": 1000, "pool_size": [7, 7], "first_conv": "stem.0", "classifier": "head.fc"}})");
  EXPECT_EQ(s.input_size, (Size{224, 224}));
  EXPECT_EQ(s.test_input_size, (Size{288, 288}));
  EXPECT_EQ(s.crop_pct, 0.95);
  EXPECT_EQ(s.test_crop_pct, 1.0);
  EXPECT_EQ(s.crop_mode, image::TimmCropMode::center);
  EXPECT_EQ(s.interpolation, Interpolation::bicubic);
  EXPECT_EQ(s.mean, kImagenetMean);
  EXPECT_EQ(s.std, kImagenetStd);
  EXPECT_THAT(s.labels, IsEmpty());
}

TEST(Timm, FlatConfigOfEarlierVersionsIsTheSame) {
  const Settings s = timm(R"({"architecture": "eva02_large", "num_classes": 3, "input_size": [3, 448, 448],
      "crop_pct": 1.0, "crop_mode": "squash", "interpolation": "bicubic", "mean": [0.5, 0.5, 0.5], "std": 0.5,
      "labels": ["cat", "dog", "owl"], "fixed_input_size": true, "hf_hub_id": "x", "license": "mit"})");
  EXPECT_EQ(s.input_size, (Size{448, 448}));
  EXPECT_EQ(s.crop_mode, image::TimmCropMode::squash);
  EXPECT_EQ(s.std, kHalf);
  EXPECT_THAT(s.labels, ElementsAre("cat", "dog", "owl"));
}

TEST(Timm, LabelDescriptionsStandForTheirKeys) {
  const Settings s = timm(R"({"pretrained_cfg": {"input_size": [3, 224, 224]},
      "label_names": ["n01440764", "n01443537"], "label_descriptions": {"n01440764": "tench", "n01443537": "goldfish"}})");
  EXPECT_THAT(s.labels, ElementsAre("tench", "goldfish"));
}

TEST(Timm, NullAndUnknownFieldsSayNothing) {
  const Settings s = timm(R"({"input_size": null, "mean": null, "crop_pct": 0, "crop_mode": "", "no_such": {"a": 1}})");
  EXPECT_FALSE(s.describes_input());
}

TEST(Timm, ValuesThatMakeNoSenseAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"mean": [0.5, 0.5]})", "\"mean\" has 2 numbers"},
      {R"({"std": "0.5"})", "\"std\" should be a list of numbers"},
      {R"({"input_size": [1, 28, 28]})", "1 channels"},
      {R"({"input_size": [3, 0, 224]})", "between 1 and"},
      {R"({"input_size": [3, 1e30, 224]})", "whole numbers"},
      {R"({"input_size": [3, 99999999999999999999, 224]})", "whole numbers"},
      {R"({"crop_mode": "middle"})", "middle"},
      {R"({"interpolation": "cubic"})", "cubic"},
      {R"({"crop_pct": 95})", "crop_pct"},
      {R"({"channel_order": "grb"})", "channel_order"},
      {R"({"pretrained_cfg": 3})", "pretrained_cfg"},
      {R"([1, 2])", "no JSON object"},
  };
  for (const auto& [text, expected] : cases) {
    const auto settings = settings_of_timm(json::parse(text));
    ASSERT_FALSE(settings.ok()) << text;
    EXPECT_THAT(settings.error().to_string(), HasSubstr(expected)) << text;
  }
}

struct ProcessorCase {
  const char* name;
  const char* text;
  ResizeRule rule;
  Size resize;
  Interpolation interpolation;
  CropRule crop_rule;
  Size crop;
  Rgb mean, std;
};

// clang-format off
const ProcessorCase kProcessors[] = {
    {"vit-base-patch16-224",
     R"({"do_normalize": true, "do_rescale": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5], "image_processor_type":
         "ViTFeatureExtractor", "image_std": [0.5, 0.5, 0.5], "resample": 2, "rescale_factor": 0.00392156862745098,
         "size": {"height": 224, "width": 224}})",
     ResizeRule::exact, {224, 224}, Interpolation::bilinear, CropRule::none, {}, kHalf, kHalf},
    {"vit of 2021, size as a number",
     R"({"do_normalize": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
         "feature_extractor_type": "ViTFeatureExtractor", "resample": 2, "size": 384})",
     ResizeRule::exact, {384, 384}, Interpolation::bilinear, CropRule::none, {}, kHalf, kHalf},
    {"convnext-tiny-224",
     R"({"crop_pct": 0.875, "do_normalize": true, "do_resize": true, "feature_extractor_type": "ConvNextFeatureExtractor",
         "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "resample": 3, "size": 224})",
     ResizeRule::shortest, {256, 256}, Interpolation::bicubic, CropRule::transformers, {224, 224}, kImagenetMean, kImagenetStd},
    {"convnext-base-384: warped, its crop_pct unused",
     R"({"crop_pct": 0.875, "image_processor_type": "ConvNextImageProcessor", "image_mean": [0.485, 0.456, 0.406],
         "image_std": [0.229, 0.224, 0.225], "resample": 3, "size": {"shortest_edge": 384}})",
     ResizeRule::exact, {384, 384}, Interpolation::bicubic, CropRule::none, {}, kImagenetMean, kImagenetStd},
    {"resnet-50",
     R"({"crop_pct": 0.875, "do_normalize": true, "do_resize": true, "feature_extractor_type": "ConvNextFeatureExtractor",
         "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "resample": 3, "size": 224})",
     ResizeRule::shortest, {256, 256}, Interpolation::bicubic, CropRule::transformers, {224, 224}, kImagenetMean, kImagenetStd},
    {"deit-base-distilled-patch16-224",
     R"({"crop_size": 224, "do_center_crop": true, "do_normalize": true, "do_resize": true, "feature_extractor_type":
         "DeiTFeatureExtractor", "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "resample": 3,
         "size": 256})",
     ResizeRule::exact, {256, 256}, Interpolation::bicubic, CropRule::transformers, {224, 224}, kImagenetMean, kImagenetStd},
    {"beit-base-patch16-224: a crop_size, but no cropping",
     R"({"crop_size": {"height": 224, "width": 224}, "do_center_crop": false, "do_normalize": true, "do_reduce_labels": false,
         "do_rescale": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5], "image_processor_type": "BeitImageProcessor",
         "image_std": [0.5, 0.5, 0.5], "resample": 2, "size": {"height": 224, "width": 224}})",
     ResizeRule::exact, {224, 224}, Interpolation::bilinear, CropRule::none, {}, kHalf, kHalf},
    {"swin-tiny: ViT's processor",
     R"({"do_normalize": true, "do_resize": true, "feature_extractor_type": "ViTFeatureExtractor", "image_mean":
         [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "resample": 3, "size": 224})",
     ResizeRule::exact, {224, 224}, Interpolation::bicubic, CropRule::none, {}, kImagenetMean, kImagenetStd},
    {"dinov2: BiT's processor",
     R"({"crop_size": {"height": 224, "width": 224}, "do_center_crop": true, "do_convert_rgb": true, "do_normalize": true,
         "do_rescale": true, "do_resize": true, "image_mean": [0.485, 0.456, 0.406], "image_processor_type":
         "BitImageProcessor", "image_std": [0.229, 0.224, 0.225], "resample": 3, "rescale_factor": 0.00392156862745098,
         "size": {"shortest_edge": 256}})",
     ResizeRule::shortest, {256, 256}, Interpolation::bicubic, CropRule::transformers, {224, 224}, kImagenetMean, kImagenetStd},
    {"levit: the short side is 256/224 of what it says",
     R"({"image_processor_type": "LevitImageProcessorFast", "do_center_crop": true, "size": {"shortest_edge": 224},
         "crop_size": {"height": 224, "width": 224}, "resample": 3})",
     ResizeRule::shortest, {256, 256}, Interpolation::bicubic, CropRule::transformers, {224, 224}, kImagenetMean, kImagenetStd},
    {"mobilenet_v2",
     R"({"image_processor_type": "MobileNetV2ImageProcessor", "do_center_crop": true, "size": {"shortest_edge": 256},
         "crop_size": {"height": 224, "width": 224}, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "resample": 2})",
     ResizeRule::shortest, {256, 256}, Interpolation::bilinear, CropRule::transformers, {224, 224}, kHalf, kHalf},
    {"poolformer: the short side is size / crop_pct",
     R"({"feature_extractor_type": "PoolFormerFeatureExtractor", "crop_pct": 0.9, "size": 224, "crop_size": 224, "resample": 3})",
     ResizeRule::shortest, {248, 248}, Interpolation::bicubic, CropRule::transformers, {224, 224}, kImagenetMean, kImagenetStd},
    {"with a longest edge",
     R"({"image_processor_type": "DetrImageProcessor", "size": {"shortest_edge": 800, "longest_edge": 1333}, "resample": 2,
         "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "do_pad": true})",
     ResizeRule::shortest_capped, {800, 1333}, Interpolation::bilinear, CropRule::none, {}, kImagenetMean, kImagenetStd},
    {"nested, as processor_config.json has it",
     R"({"processor_class": "CLIPProcessor", "image_processor": {"image_processor_type": "SiglipImageProcessor",
         "size": {"height": 384, "width": 384}, "resample": 3}})",
     ResizeRule::exact, {384, 384}, Interpolation::bicubic, CropRule::none, {}, kHalf, kHalf},
    {"no normalisation",
     R"({"image_processor_type": "ViTImageProcessor", "do_normalize": false, "size": {"height": 224, "width": 224}})",
     ResizeRule::exact, {224, 224}, Interpolation::bilinear, CropRule::none, {}, {0, 0, 0}, {1, 1, 1}},
};
// clang-format on

TEST(Transformers, ProcessorsBecomeTransforms) {
  for (const ProcessorCase& c : kProcessors) {
    SCOPED_TRACE(c.name);
    const auto settings = settings_of_transformers(json::parse(c.text));
    ASSERT_TRUE(settings.ok()) << settings.error().to_string();
    ASSERT_TRUE(settings->transform.has_value());
    const auto& spec = *settings->transform;
    EXPECT_EQ(spec.resize_rule, c.rule);
    EXPECT_EQ(spec.resize, c.resize);
    EXPECT_EQ(spec.interpolation, c.interpolation);
    EXPECT_EQ(spec.crop_rule, c.crop_rule);
    EXPECT_TRUE(c.crop_rule == CropRule::none || spec.crop == c.crop);
    EXPECT_EQ(spec.mean, c.mean);
    EXPECT_EQ(spec.std, c.std);
    EXPECT_NEAR(*spec.rescale, 1.0 / 255, 1e-12);
  }
}

TEST(Transformers, MobileVitTakesBgrAndDoesNotNormalise) {
  const auto settings = settings_of_transformers(json::parse(
      R"({"crop_size": {"height": 256, "width": 256}, "do_center_crop": true, "do_flip_channel_order": true,
          "do_rescale": true, "do_resize": true, "image_processor_type": "MobileViTFeatureExtractor", "resample": 2,
          "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 288}})"));
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->transform->order, image::ChannelOrder::bgr);
  EXPECT_EQ(settings->transform->resize.height, 288);
  EXPECT_EQ(settings->transform->mean, (Rgb{0, 0, 0}));
  EXPECT_EQ(settings->transform->std, (Rgb{1, 1, 1}));
}

TEST(Transformers, EfficientNetDividesTwiceAndMayTakeOneOff) {
  const auto settings = settings_of_transformers(json::parse(
      R"({"image_processor_type": "EfficientNetImageProcessor", "image_mean": [0.485, 0.456, 0.406], "image_std":
          [0.5, 0.25, 2.0], "include_top": true, "rescale_offset": true, "rescale_factor": 0.00784313725490196,
          "resample": 0, "size": {"height": 224, "width": 224}, "do_center_crop": false})"));
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->transform->interpolation, Interpolation::nearest);
  EXPECT_THAT(settings->transform->mean, testing::Pointwise(testing::DoubleNear(1e-12), {1.485, 1.456, 1.406}));
  EXPECT_EQ(settings->transform->std, (Rgb{0.25, 0.0625, 4.0}));
}

TEST(Transformers, WithoutRescalingPixelsStayBytes) {
  const auto settings = settings_of_transformers(json::parse(
      R"({"image_processor_type": "ViTImageProcessor", "do_rescale": false, "image_mean": [127.5, 127.5, 127.5],
          "image_std": [127.5, 127.5, 127.5]})"));
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->transform->rescale, 1.0);
  EXPECT_THAT(settings->notes, IsEmpty());
}

TEST(Transformers, ContradictionsAreExplained) {
  const auto settings = settings_of_transformers(
      json::parse(R"({"image_processor_type": "ViTImageProcessor", "do_rescale": false, "crop_pct": 0.9})"));
  ASSERT_TRUE(settings.ok());
  EXPECT_THAT(settings->notes, ElementsAre(HasSubstr("crop_pct has no effect"), HasSubstr("do_rescale is false")));
}

TEST(Transformers, ValuesThatMakeNoSenseAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"image_mean": [0.5, 0.5]})", "\"image_mean\" has 2 numbers"},
      {R"({"do_resize": "yes"})", "\"do_resize\" should be true or false"},
      {R"({"resample": 9})", "9"},
      {R"({"size": {"longest_edge": 500}})", "neither height and width nor shortest_edge"},
      {R"({"size": {"height": -1, "width": 224}})", "between 1 and"},
      {R"({"size": []})", "\"size\" has 0 numbers"},
      {R"({"size": "224"})", "\"size\" should be"},
      {R"({"do_center_crop": true, "size": {"shortest_edge": 224}})", "crop_size"},
      {R"({"image_processor_type": "PerceiverImageProcessor"})", "crops before it resizes"},
      {R"({"image_processor_type": 5})", "image_processor_type"},
  };
  for (const auto& [text, expected] : cases) {
    const auto settings = settings_of_transformers(json::parse(text));
    ASSERT_FALSE(settings.ok()) << text;
    EXPECT_THAT(settings.error().to_string(), HasSubstr(expected)) << text;
  }
}

TEST(Transformers, PlaceholderLabelsAreNoLabels) {
  EXPECT_THAT(*labels_of_transformers(json::parse(R"({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}})")), IsEmpty());
  EXPECT_THAT(*labels_of_transformers(json::parse(R"({"id2label": {"1": "dog", "0": "cat"}})")),
              ElementsAre("cat", "dog"));
  EXPECT_THAT(*labels_of_transformers(json::parse(R"({"model_type": "vit"})")), IsEmpty());
}

class ConfigFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / ("config-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_ / "onnx");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const char* name, const char* text) { std::ofstream(folder_ / name) << text; }
  std::filesystem::path folder_;
};

constexpr const char* kPreprocessor = R"({"image_processor_type": "ViTImageProcessor", "size": 224})";
constexpr const char* kModelConfig = R"({"model_type": "vit", "id2label": {"0": "cat", "1": "dog"}})";

TEST_F(ConfigFiles, TransformersPairIsReadFromEitherFile) {
  write("preprocessor_config.json", kPreprocessor);
  write("config.json", kModelConfig);
  for (const auto& path : {folder_ / "config.json", folder_ / "preprocessor_config.json", folder_}) {
    const auto settings = read_config(path);
    ASSERT_TRUE(settings.ok()) << settings.error().to_string();
    EXPECT_TRUE(settings->transform.has_value()) << path;
    EXPECT_THAT(settings->labels, ElementsAre("cat", "dog")) << path;
  }
}

TEST_F(ConfigFiles, FilesAboveTheFolderOnnxBelongToTheModel) {
  write("preprocessor_config.json", kPreprocessor);
  write("config.json", kModelConfig);
  const auto settings = read_config_beside(folder_ / "onnx" / "model.onnx");
  ASSERT_TRUE(settings.ok());
  ASSERT_TRUE(settings->has_value());
  EXPECT_TRUE((*settings)->transform.has_value());
}

TEST_F(ConfigFiles, SomebodyElsesConfigSaysNothing) {
  write("config.json", R"({"editor": "vim"})");
  const auto settings = read_config_beside(folder_ / "model.onnx");
  ASSERT_TRUE(settings.ok());
  EXPECT_FALSE(settings->has_value());
  EXPECT_THAT(read_config(folder_ / "config.json").error().to_string(), HasSubstr("neither timm's"));
}

TEST_F(ConfigFiles, MetadataComesBeforeTheFileBesideTheModel) {
  write("config.json", R"({"crop_pct": 0.5})");
  const std::map<std::string, std::string> metadata = {{"fovea.recipe", R"({"crop_pct": 0.9})"},
                                                       {"fovea.labels", R"(["a", "b"])"}};
  const auto sources = find_sources(folder_ / "model.onnx", metadata, std::nullopt);
  ASSERT_TRUE(sources.ok());
  ASSERT_EQ(sources->size(), 2u);
  EXPECT_EQ((*sources)[0].crop_pct, 0.9);
  EXPECT_THAT((*sources)[0].labels, ElementsAre("a", "b"));
  EXPECT_EQ((*sources)[1].crop_pct, 0.5);
}

TEST_F(ConfigFiles, DamagedOnesAreErrorsUnlessSomethingBetterIsThere) {
  write("config.json", R"({"mean": [1, 2)");
  const auto alone = find_sources(folder_ / "model.onnx", {}, std::nullopt);
  ASSERT_FALSE(alone.ok());
  EXPECT_THAT(alone.error().to_string(), HasSubstr("no valid JSON"));
  const auto sources = find_sources(folder_ / "model.onnx", {{"fovea.recipe", R"({"crop_pct": 0.9})"}}, std::nullopt);
  ASSERT_TRUE(sources.ok());
  EXPECT_THAT(sources->back().notes, ElementsAre(HasSubstr("left out")));
}

}  // namespace
}  // namespace fovea::tasks
