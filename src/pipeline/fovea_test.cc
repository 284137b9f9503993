// The public API, as a user's program sees it: this file includes nothing else of fovea's.
#include "fovea/fovea.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fovea {
namespace {

const std::string kModel = FOVEA_SOURCE_DIR "/models/demo.onnx", kPhoto = FOVEA_SOURCE_DIR "/models/photos/coffee.jpg";

TEST(Api, ThreeLinesNameAPhoto) {
  auto model = Model::load(kModel);
  auto engine = compile(model, {.threads = 1});
  auto top = classify(engine, Image::open(kPhoto), 5);
  ASSERT_TRUE(top.ok()) << top.error().to_string();
  ASSERT_EQ(top->size(), 5u);
  EXPECT_EQ((*top)[0].label, "coffee");
  EXPECT_GT((*top)[0].probability, 0.5);
}

TEST(Api, ErrorsAreHandedOnToTheEnd) {
  const auto top = classify(compile(Model::load("missing.onnx")), Image::open(kPhoto));
  ASSERT_FALSE(top.ok());
  EXPECT_EQ(top.error().code, ErrorCode::not_found);
  EXPECT_THAT(top.error().to_string(), testing::HasSubstr("missing.onnx"));
  EXPECT_EQ(classify(compile(Model::load(kModel)), Image::open("none.jpg")).error().code, ErrorCode::not_found);
  EXPECT_EQ(compile(Model::load(kModel), {.backend = "tvm"}).error().code, ErrorCode::unavailable);
}

TEST(Api, PortsSayWhatGoesInAndOut) {
  const auto model = Model::load(kModel);
  ASSERT_TRUE(model.ok());
  ASSERT_EQ(model->inputs().size(), 1u);
  EXPECT_EQ(model->inputs()[0].shape, (Shape{-1, 3, 128, 128}));
  EXPECT_EQ(model->outputs()[0].shape, (Shape{-1, 20}));
}

TEST(Api, PreprocessAndRunAreTheHalvesOfClassify) {
  const auto engine = compile(Model::load(kModel));
  ASSERT_TRUE(engine.ok());
  const auto input = engine->preprocess(*Image::open(kPhoto));
  ASSERT_TRUE(input.ok());
  EXPECT_EQ(input->shape(), (Shape{1, 3, 128, 128}));
  const auto outputs = engine->run(std::span(&*input, 1));
  ASSERT_TRUE(outputs.ok());
  EXPECT_EQ((*outputs)[0].shape(), (Shape{1, 20}));
  EXPECT_FALSE(engine->run({}).ok());
}

TEST(Api, PixelsOfOnesOwnAreAnImage) {
  const auto photo = Image::open(kPhoto);
  ASSERT_TRUE(photo.ok());
  const auto copy = Image::from_pixels(photo->pixels(), photo->height(), photo->width());
  ASSERT_TRUE(copy.ok());
  const auto engine = compile(Model::load(kModel));
  EXPECT_EQ((*classify(engine, *copy))[0].probability, (*classify(engine, *photo))[0].probability);
  EXPECT_FALSE(Image::from_pixels(photo->pixels(), 3, 3).ok());
  EXPECT_FALSE(Image::from_pixels({}, -1, 0).ok());
}

TEST(Api, ThreadsMayShareAnEngine) {
  const auto engine = compile(Model::load(kModel), {.threads = 1});
  const auto photo = Image::open(kPhoto);
  std::vector<std::string> labels(4);
  std::vector<std::thread> threads;
  for (std::string& label : labels) threads.emplace_back([&] { label = (*classify(engine, photo))[0].label; });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(labels, testing::Each("coffee"));
}

}  // namespace
}  // namespace fovea
