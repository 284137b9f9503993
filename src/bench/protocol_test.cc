#include "bench/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fovea::bench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <class T>
T back(const Request& request) {
  const auto parsed = parse_request(to_line(request));
  EXPECT_TRUE(parsed.ok()) << parsed.error().to_string();
  EXPECT_TRUE(std::holds_alternative<T>(*parsed));
  return std::get<T>(*parsed);
}

TEST(Protocol, RequestsSurviveTheWay) {
  LoadRequest load{
      "/models/m \"x\".onnx", "bf16", 8, 2, {{"x", "/tmp/x.npy"}, {"mask", "/tmp/1.npy"}}, "/tmp/o", "/a.jpg"};
  const auto got = back<LoadRequest>(load);
  EXPECT_EQ(got.model, load.model);
  EXPECT_EQ(got.precision, "bf16");
  EXPECT_EQ(got.batch, 8);
  EXPECT_EQ(got.threads, 2);
  ASSERT_EQ(got.inputs.size(), 2u);
  EXPECT_EQ(got.inputs[1].name, "mask");
  EXPECT_EQ(got.inputs[1].file, "/tmp/1.npy");
  EXPECT_EQ(got.photo, "/a.jpg");
  EXPECT_EQ(back<RunRequest>(RunRequest{7, 0.5}).runs, 7);
  EXPECT_EQ(back<RunRequest>(RunRequest{7, 0.5}).seconds, 0.5);
  EXPECT_EQ(back<StepsRequest>(StepsRequest{3}).runs, 3);
  EXPECT_THAT(back<StagesRequest>(StagesRequest{{"/a.jpg", "/b.png"}, 2}).photos, ElementsAre("/a.jpg", "/b.png"));
  back<StopRequest>(StopRequest{});
}

TEST(Protocol, AnswersSurviveTheWay) {
  Loaded loaded;
  loaded.library = "Fake 1.2";
  loaded.load_s = 0.25;
  loaded.first_s = 0.5;
  loaded.outputs = {{"y", "/tmp/y.npy"}};
  loaded.facts = {"provider: CPU"};
  loaded.disk_mb = 12.5;
  const auto got = parse_loaded(to_line(loaded));
  ASSERT_TRUE(got.ok()) << got.error().to_string();
  EXPECT_EQ(got->library, "Fake 1.2");
  EXPECT_EQ(got->load_s, 0.25);
  EXPECT_EQ(got->first_s, 0.5);
  EXPECT_EQ(got->outputs[0].file, "/tmp/y.npy");
  EXPECT_THAT(got->facts, ElementsAre("provider: CPU"));
  EXPECT_EQ(got->disk_mb, 12.5);

  EXPECT_THAT(*parse_times(to_line(std::vector<double>{1.5, 2.5}), 2), ElementsAre(1.5, 2.5));

  StepRow step;
  step.node = "Conv \"c\"";
  step.kernel = "gemm";
  step.ms = 0.5;
  step.gmac = 0.25;
  const auto steps = parse_steps(to_line(std::vector{step}));
  ASSERT_TRUE(steps.ok()) << steps.error().to_string();
  EXPECT_EQ(steps->at(0).node, step.node);
  EXPECT_EQ(steps->at(0).gmac, 0.25);

  Stages stages{1, 2, 3, 4, "a.jpg"};
  const auto list = parse_stages(to_line(std::vector{stages}));
  ASSERT_TRUE(list.ok()) << list.error().to_string();
  EXPECT_EQ(list->at(0).photo, "a.jpg");
  EXPECT_EQ(list->at(0).infer, 3);
}

TEST(Protocol, ARefusalCarriesItsReasonAndFix) {
  const auto refused = parse_loaded(R"({"failed": "no CUDA here", "fix": "buy one"})");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
  EXPECT_EQ(refused.error().message, "no CUDA here");
  EXPECT_EQ(refused.error().fix, "buy one");
  const Error missing{ErrorCode::unavailable, "not installed", "backend x", "install it"};
  const auto unavailable = parse_times(to_line(missing), 1);
  EXPECT_EQ(unavailable.error().code, ErrorCode::unavailable);
  EXPECT_EQ(unavailable.error().message, "backend x: not installed");
}

TEST(Protocol, WhatIsNoAnswerIsQuoted) {
  for (const char* line : {"Loading model...", "", "[1, 2]", "{\"ms\": ", "\x01\x02", "null"}) {
    const auto times = parse_times(line, 3);
    ASSERT_FALSE(times.ok()) << line;
    EXPECT_EQ(times.error().code, ErrorCode::invalid_argument) << line;
  }
  EXPECT_THAT(parse_times("Loading model...", 3).error().message, HasSubstr("Loading model..."));
  EXPECT_FALSE(parse_times(std::string(1 << 20, '['), 3).ok());
}

TEST(Protocol, TimesThatCannotBeAreRefused) {
  for (const char* line :
       {R"({"ms": []})", R"({"ms": [0]})", R"({"ms": [-1]})", R"({"ms": ["1"]})", R"({"ms": [1e400]})",
        R"({"ms": [1, 2, 3, 4]})", R"({"ms": {"a": 1}})", R"({"ms": null})", R"({"loaded": {}})"})
    EXPECT_FALSE(parse_times(line, 3).ok()) << line;
  for (const char* line : {R"({"loaded": {}})", R"({"loaded": {"library": "x", "load_s": -1, "first_s": 1}})",
                           R"({"loaded": {"library": 3, "load_s": 1, "first_s": 1}})",
                           R"({"loaded": {"library": "x", "load_s": 1, "first_s": 1, "outputs": [3]}})",
                           R"({"loaded": {"library": "x", "load_s": 1, "first_s": 1, "outputs": {"name": "y"}}})",
                           R"({"loaded": {"library": "x", "load_s": 1, "first_s": 1, "facts": [1]}})"})
    EXPECT_FALSE(parse_loaded(line).ok()) << line;
}

TEST(Protocol, RequestsThatCannotBeAreRefused) {
  for (const char* line :
       {"", "x", "{}", "[]", R"({"load": 3})", R"({"load": {}})", R"({"run": {"runs": 0, "seconds": 1}})",
        R"({"run": {"runs": 1}})", R"({"run": {"runs": 1, "seconds": -1}})", R"({"dance": {}})",
        R"({"run": {"runs": 1, "seconds": 1}, "stop": {}})", R"({"stages": {"photos": [1], "runs": 1}})"})
    EXPECT_FALSE(parse_request(line).ok()) << line;
}

}  // namespace
}  // namespace fovea::bench
