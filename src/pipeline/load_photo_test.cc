// A photo's file becomes the same input on any number of threads, in every type that a model takes.
#include "pipeline/load_photo.h"

#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tasks/model_input.h"

namespace fovea::pipeline {
namespace {

const std::string kPhotos = FOVEA_SOURCE_DIR "/models/photos/";

TEST(LoadPhoto, IsDecodingResizingAndNormalisingOneAfterTheOther) {
  const Photo photo{kPhotos + "retina.jpg", nullptr};
  for (DType dtype : {DType::f32, DType::u8, DType::f16, DType::bf16, DType::f64})
    for (auto layout : {image::Layout::nchw, image::Layout::nhwc})
      for (auto mode : {image::ResizeMode::exact, image::ResizeMode::single_pass}) {
        auto spec = image::timm_transform({120, 96}, 1.0, image::TimmCropMode::squash, image::Interpolation::bicubic,
                                          {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225});
        spec.layout = layout;
        spec.mode = mode;
        spec.order = image::ChannelOrder::bgr;
        const auto transform = *image::Transform::create(spec);
        tasks::InputFacts facts;
        facts.dtype = dtype;
        facts.layout = layout;
        const image::Image pixels = *transform.pixels(decode_photo(photo, {})->view());
        Tensor expected = *tasks::allocate_input(facts, 1, pixels.size());
        ASSERT_TRUE(tasks::write_input(transform, pixels.view(), expected.mutable_view(), 0).ok());
        for (int threads : {1, 2, 4}) {
          const auto loaded = load_photo(photo, transform, facts, false, threads);
          ASSERT_TRUE(loaded.ok()) << loaded.error().to_string();
          ASSERT_EQ(loaded->input.type(), expected.type());
          EXPECT_EQ(std::memcmp(loaded->input.raw(), expected.raw(), expected.bytes()), 0)
              << name_of(dtype) << ", " << threads << " threads";
          EXPECT_GE(loaded->decode_ms, 0);
          EXPECT_GE(loaded->preprocess_ms, 0);
        }
      }
}

TEST(LoadPhoto, ErrorsNameThePhoto) {
  const auto transform = *image::Transform::create({});
  const tasks::InputFacts facts;
  const std::string missing = kPhotos + "missing.jpg";
  EXPECT_THAT(load_photo({missing, nullptr}, transform, facts, false, 2).error().to_string(),
              testing::HasSubstr("missing.jpg"));
  const auto damaged = std::make_shared<const std::string>("no photo");
  EXPECT_THAT(load_photo({"-", damaged}, transform, facts, false, 2).error().to_string(), testing::StartsWith("-: "));
  tasks::InputFacts integers;
  integers.dtype = DType::i32;
  EXPECT_EQ(load_photo({kPhotos + "coffee.jpg", nullptr}, transform, integers, false, 2).error().code,
            ErrorCode::unsupported);
}

}  // namespace
}  // namespace fovea::pipeline
