// fovea bake, and what the other commands make of a baked model.
#include <filesystem>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/command_test.h"

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class BakeTest : public CommandTest {};

TEST_F(BakeTest, ABakedModelNamesThePhotosAsBefore) {
  const json before = json::parse(fovea({"classify", kDemo, kCoffee, "--topk", "2", "--format", "json"}).out);
  const std::vector<std::vector<std::string>> ways = {
      {}, {"--resize", "bytes"}, {"--resize", "matmul"}, {"--top-k", "3"}, {"--layout", "nchw", "--bgr"}};
  for (const auto& flags : ways) {
    std::vector<std::string> arguments = {"bake", kDemo, "-o", path("baked.onnx")};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Outcome baked = fovea(arguments);
    ASSERT_EQ(baked.code, kDone) << baked.err;
    EXPECT_THAT(baked.out, HasSubstr("photo u8[batch,"));
    const Outcome run = fovea({"classify", path("baked.onnx"), kCoffee, "--topk", "2", "--format", "json"});
    ASSERT_EQ(run.code, kDone) << run.err;
    EXPECT_EQ(run.err, "");
    const json after = json::parse(run.out);
    EXPECT_EQ(after["resize"], "baked");
    ASSERT_EQ(after["top"].size(), 2u);
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(after["top"][i]["label"], before["top"][i]["label"]);
      EXPECT_NEAR(after["top"][i]["probability"].get<double>(), before["top"][i]["probability"].get<double>(), 1e-3);
    }
  }
}

TEST_F(BakeTest, NoMoreClassesAreNamedThanTheModelChose) {
  ASSERT_EQ(fovea({"bake", kDemo, "-o", path("baked.onnx"), "--top-k", "3"}).code, kDone);
  const Outcome run = fovea({"classify", path("baked.onnx"), kCoffee, "--format", "json"});
  EXPECT_EQ(json::parse(run.out)["top"].size(), 3u);
}

TEST_F(BakeTest, PhotosOfOneSizeOnlyAreRefusedOneByOne) {
  ASSERT_EQ(fovea({"bake", kDemo, "-o", path("baked.onnx"), "--resize", "matmul", "--photo-size", "60x80"}).code,
            kDone);
  const Outcome run = fovea({"classify", path("baked.onnx"), kCoffee});
  EXPECT_EQ(run.code, kSomeInputsFailed);
  EXPECT_THAT(run.err, HasSubstr("coffee.jpg"));
}

TEST_F(BakeTest, WhatIsBakedIsToldAndNotDoneTwice) {
  ASSERT_EQ(fovea({"bake", kDemo, "-o", path("baked.onnx")}).code, kDone);
  const Outcome inspected = fovea({"inspect", path("baked.onnx"), "--shape", "photo=1x300x400x3"});
  EXPECT_EQ(inspected.code, kDone) << inspected.err;
  EXPECT_THAT(inspected.out, HasSubstr("baked into the model"));
  EXPECT_THAT(inspected.out, HasSubstr("GMAC"));
  EXPECT_THAT(fovea({"inspect", path("baked.onnx")}).err, HasSubstr("give --shape photo=1x224x224x3"));
  const Outcome again = fovea({"bake", path("baked.onnx"), "-o", path("twice.onnx")});
  EXPECT_EQ(again.code, kWrongUsage);
  EXPECT_THAT(again.err, HasSubstr("baked already"));
  EXPECT_FALSE(fs::exists(path("twice.onnx")));
  EXPECT_EQ(fovea({"classify", path("baked.onnx"), kCoffee, "--crop-pct", "0.9"}).code, kWrongUsage);
}

TEST_F(BakeTest, WrongUsageEndsWithTwo) {
  const std::vector<std::vector<std::string>> cases = {{},
                                                       {"--resize", "area"},
                                                       {"--resize", "matmul,longest=3"},
                                                       {"--photo-size", "none"},
                                                       {"--layout", "chwn"},
                                                       {"--top-k", "21"},
                                                       {"--exif-orientation"}};
  for (const auto& flags : cases) {
    std::vector<std::string> arguments = {"bake", kDemo};
    if (!flags.empty()) arguments.insert(arguments.end(), {"-o", path("baked.onnx")});
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    EXPECT_EQ(fovea(arguments).code, kWrongUsage) << (flags.empty() ? "no output" : flags[0]);
  }
  EXPECT_FALSE(fs::exists(path("baked.onnx")));
}

TEST_F(BakeTest, ExplainSaysWhatEachBackendRuns) {
  const Outcome run = fovea({"bake", kDemo, "--explain", "--format", "json"});
  ASSERT_EQ(run.code, kDone) << run.err;
  std::istringstream lines(run.out);
  bool told = false;
  for (std::string line; std::getline(lines, line);) {
    const json one = json::parse(line);
    told = told || (one["backend"] == "openvino" && one["verdict"] == "refused" && one["instead"] == "--resize matmul");
  }
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace fovea::cli
