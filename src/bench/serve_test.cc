// The worker of fovea's own backends, driven in this process.
#include "bench/serve.h"

#include <filesystem>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/bench.h"
#include "bench/distance.h"
#include "bench/model_case.h"
#include "bench/temp_folder.h"
#include "tasks/npy.h"

namespace fovea::bench {
namespace {

using testing::HasSubstr;

const std::string kModels = FOVEA_SOURCE_DIR "/models/";

std::vector<std::string> answers(const std::vector<std::string>& requests, const CompileOptions& options = {}) {
  std::string text;
  for (const std::string& request : requests) text += request + '\n';
  std::istringstream in(text);
  std::vector<std::string> lines;
  serve(
      in, [&](const std::string& line) { lines.push_back(line); }, options);
  return lines;
}

class ServeTest : public testing::Test {
 protected:
  ServeTest() : folder_(*TempFolder::make()) {}
  LoadRequest demo(int64_t batch) const {
    const auto model = examine_case(kModels + "demo.onnx", {}, batch);
    EXPECT_TRUE(model.ok()) << model.error().to_string();
    const auto inputs = write_inputs(*model, folder_.path());
    EXPECT_TRUE(inputs.ok()) << inputs.error().to_string();
    return {model->path.string(), "fp32", batch, 1, *inputs, (folder_.path() / "out").string(), ""};
  }
  TempFolder folder_;
};

TEST_F(ServeTest, LoadsRunsAndTimesStepsAndStages) {
  const auto lines =
      answers({to_line(Request(demo(1))), to_line(Request(RunRequest{3, 10})), to_line(Request(RunRequest{1000000, 0})),
               to_line(Request(StepsRequest{2})),
               to_line(Request(StagesRequest{{kModels + "photos/coffee.jpg", kModels + "photos/cat.png"}, 2})),
               to_line(Request(StopRequest{})), to_line(Request(StepsRequest{2}))});
  ASSERT_EQ(lines.size(), 5u);  // nothing after the stop
  const auto loaded = parse_loaded(lines[0]);
  ASSERT_TRUE(loaded.ok()) << loaded.error().to_string();
  EXPECT_THAT(loaded->library, HasSubstr("fovea"));
  ASSERT_EQ(loaded->outputs.size(), 1u);
  EXPECT_TRUE(tasks::read_npy(loaded->outputs[0].file).ok());
  const auto times = parse_times(lines[1], 3);
  ASSERT_TRUE(times.ok()) << times.error().to_string();
  EXPECT_EQ(times->size(), 3u);
  EXPECT_EQ(parse_times(lines[2], 10)->size(), 1u);  // no time is one run
  const auto steps = parse_steps(lines[3]);
  ASSERT_TRUE(steps.ok()) << steps.error().to_string();
  EXPECT_GT(steps->size(), 3u);
  EXPECT_GT(steps->front().gmac + steps->at(1).gmac, 0);
  const auto stages = parse_stages(lines[4]);
  ASSERT_TRUE(stages.ok()) << stages.error().to_string();
  EXPECT_EQ(stages->at(0).photo, "coffee.jpg");
  EXPECT_GT(stages->at(1).decode, 0);
}

TEST_F(ServeTest, ABatchIsRunAndItsPhotosAreTimedTogether) {
  const auto lines = answers({to_line(Request(demo(3))), to_line(Request(RunRequest{1, 1})),
                              to_line(Request(StagesRequest{{kModels + "photos/coffee.jpg"}, 1}))});
  ASSERT_EQ(lines.size(), 3u);
  const auto loaded = parse_loaded(lines[0]);
  ASSERT_TRUE(loaded.ok()) << loaded.error().to_string();
  EXPECT_EQ(tasks::read_npy(loaded->outputs[0].file)->shape().front(), 3);
  EXPECT_TRUE(parse_stages(lines[2]).ok()) << lines[2];
}

TEST_F(ServeTest, WhatItCannotDoIsAnAnswerToo) {
  LoadRequest precision = demo(1), file = demo(1), inputs = demo(1);
  precision.precision = "fp8";
  file.model = "/no/such/model.onnx";
  inputs.inputs.clear();
  const auto lines =
      answers({"nonsense", to_line(Request(RunRequest{})), to_line(Request(StagesRequest{{"/a.jpg"}, 1})),
               to_line(Request(precision)), to_line(Request(file)), to_line(Request(inputs))});
  ASSERT_EQ(lines.size(), 6u);
  for (const std::string& line : lines) EXPECT_THAT(line, HasSubstr("\"failed\"")) << line;
  EXPECT_THAT(lines[3], HasSubstr("fp8"));
  EXPECT_THAT(lines[4], HasSubstr("/no/such/model.onnx"));
}

TEST_F(ServeTest, ABackendThatIsNotThereIsUnavailable) {
  CompileOptions options;
  options.backend = "no_such_backend";
  const auto lines = answers({to_line(Request(demo(1)))}, options);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(parse_loaded(lines[0]).error().code, ErrorCode::unavailable);
}

TEST(ModelCaseTest, KnowsTheWorkAndTheInputs) {
  const auto model = examine_case(kModels + "demo.onnx", {}, std::nullopt);
  ASSERT_TRUE(model.ok()) << model.error().to_string();
  EXPECT_EQ(model->name, "demo");
  EXPECT_EQ(model->batch, 1);
  EXPECT_GT(model->gmac, 0);
  EXPECT_GT(model->weight_bytes, 1e6);
  EXPECT_GT(model->disk_mb, 1);
  EXPECT_FALSE(model->quantized);
  const auto eight = examine_case(kModels + "demo.onnx", {}, 8);
  ASSERT_TRUE(eight.ok());
  EXPECT_EQ(eight->inputs[0].second.shape.front(), 8);
  EXPECT_NEAR(eight->gmac, 8 * model->gmac, 1e-6);
}

TEST(ModelCaseTest, WhatCannotBeMeantIsRefused) {
  EXPECT_FALSE(examine_case("/no/such.onnx", {}, std::nullopt).ok());
  EXPECT_FALSE(examine_case("/no/such.pt", {{"x", {1, 3, 8, 8}}}, std::nullopt).ok());
  EXPECT_FALSE(examine_case(kModels + "demo.onnx", {{"other", {1, 3, 8, 8}}}, std::nullopt).ok());
  EXPECT_FALSE(examine_case(kModels + "demo.onnx", {{"input", {1, 3}}}, std::nullopt).ok());
}

TEST(BenchTest, BaselinesAndNamesMustFit) {
  BenchOptions options;
  options.models = {kModels + "demo.onnx"};
  EXPECT_EQ(run_bench(options, {}).error().code, ErrorCode::invalid_argument);
  options.backends = {"native"};
  options.baseline = "openvino";
  EXPECT_THAT(run_bench(options, {}).error().to_string(), HasSubstr("native"));
  options.baseline.clear();
  options.workers = {{"native", "true"}};
  EXPECT_THAT(run_bench(options, {}).error().to_string(), HasSubstr("twice"));
}

}  // namespace
}  // namespace fovea::bench
