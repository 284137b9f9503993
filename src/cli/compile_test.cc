// fovea compile and the engine cache from end to end.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/command_test.h"
#include "cli/interrupt.h"

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

class CompileTest : public CommandTest {
 protected:
  /// What classify says of the photo, without the times.
  static json labels(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "classify");
    arguments.insert(arguments.end(), {"--format", "json", kCoffee});
    const Outcome outcome = fovea(std::move(arguments));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return outcome.code == 0 ? json::parse(outcome.out)["top"] : json();
  }
};

TEST_F(CompileTest, AnEngineFileStandsForTheModel) {
  const Outcome compiled = fovea({"compile", kDemo, "-o", path("demo.fovea")});
  ASSERT_EQ(compiled.code, 0) << compiled.err;
  EXPECT_THAT(compiled.out, AllOf(HasSubstr("isa "), HasSubstr("plan "), HasSubstr("kernels")));
  EXPECT_EQ(labels({path("demo.fovea")}), labels({kDemo}));
  const Outcome ran = fovea({"run", path("demo.fovea"), "--random"});  // it knows its size
  EXPECT_EQ(ran.code, 0) << ran.err;
}

TEST_F(CompileTest, ItIsReadyForSeveralBatches) {
  const Outcome compiled = fovea({"compile", kDemo, "-o", path("d.fovea"), "--batch", "1,4", "--format", "json"});
  ASSERT_EQ(compiled.code, 0) << compiled.err;
  const json told = json::parse(compiled.out);
  ASSERT_EQ(told["plans"].size(), 2u);
  EXPECT_EQ(labels({path("d.fovea"), "--batch", "4"}), labels({kDemo, "--batch", "4"}));
  const Outcome three = fovea({"classify", path("d.fovea"), "--batch", "3", kCoffee, kCoffee, kCoffee});
  EXPECT_EQ(three.code, 3) << three.out;
  EXPECT_THAT(three.err, HasSubstr("fovea compile"));
}

TEST_F(CompileTest, WhatWasMeasuredIsSpokenOfWithTuneAlone) {
  const auto stopped = [&](std::vector<std::string> flags) {
    catch_interrupts();
    std::raise(SIGINT);
    flags.insert(flags.begin(), {"compile", kDemo, "-o", path("d.fovea")});
    const Outcome outcome = fovea(std::move(flags));
    std::fputs(outcome.err.c_str(), stderr);
    std::_Exit(outcome.code);
  };
  EXPECT_EXIT(stopped({}), testing::ExitedWithCode(kInterrupted), "^[^\n]*interrupted");
  EXPECT_EXIT(stopped({"--tune", "--timing-cache", path("times")}), testing::ExitedWithCode(kInterrupted),
              "stopped; nothing of what was being measured is kept");
}

TEST_F(CompileTest, InspectShowsWhatIsInside) {
  ASSERT_EQ(fovea({"compile", kDemo, "-o", path("d.fovea"), "--threads", "1"}).code, 0);
  const Outcome text = fovea({"inspect", path("d.fovea")});
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, AllOf(HasSubstr("threads      1"), HasSubstr("model        demo.onnx"), HasSubstr("plan")));
  const json told = json::parse(fovea({"inspect", path("d.fovea"), "--format", "json"}).out);
  EXPECT_EQ(told["key"]["threads"], "1");
  EXPECT_TRUE(told["unfit"].is_null());
}

TEST_F(CompileTest, WhatItWasNotMadeForIsRefused) {
  ASSERT_EQ(fovea({"compile", kDemo, "-o", path("d.fovea"), "--threads", "1"}).code, 0);
  const Outcome threads = fovea({"classify", path("d.fovea"), kCoffee, "--threads", "2"});
  EXPECT_EQ(threads.code, 2);
  EXPECT_THAT(threads.err, HasSubstr("compiled for threads 1"));
  EXPECT_EQ(fovea({"classify", path("d.fovea"), kCoffee, "-O", "fast_kernels=false"}).code, 2);
  std::fstream(path("d.fovea"), std::ios::in | std::ios::out).seekp(100).put('?');
  const Outcome damaged = fovea({"classify", path("d.fovea"), kCoffee});
  EXPECT_EQ(damaged.code, 3);
  EXPECT_THAT(damaged.err, HasSubstr("damaged"));
}

TEST_F(CompileTest, TuningIsKeptInTheTimingCacheAndInTheEngineFile) {
  const auto compiled = [&](const char* name) {
    testing::internal::CaptureStderr();  // what is logged goes there
    Outcome outcome =
        fovea({"compile", kDemo, "-o", path(name), "--tune", "--timing-cache", path("t.txt"), "--threads", "1", "-v"});
    outcome.err += testing::internal::GetCapturedStderr();
    return outcome;
  };
  const Outcome first = compiled("a.fovea");
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr("tuned        true"));
  EXPECT_THAT(first.err,
              AllOf(HasSubstr("tuning: conv"), HasSubstr(" us "), testing::Not(HasSubstr("from the timing"))));
  EXPECT_TRUE(fs::exists(path("t.txt")));
  const Outcome second = compiled("b.fovea");
  ASSERT_EQ(second.code, 0) << second.err;
  EXPECT_THAT(second.err, HasSubstr("from the timing cache"));
  const auto bytes = [&](const char* name) {
    std::ifstream file(path(name), std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  EXPECT_TRUE(bytes("a.fovea") == bytes("b.fovea"));  // the same plan, to the bit
  fs::remove(path("t.txt"));
  // Other kernels, other last bits.
  const json tuned = labels({path("a.fovea")}), untuned = labels({kDemo, "--threads", "1"});
  ASSERT_EQ(tuned.size(), untuned.size());
  for (size_t i = 0; i < tuned.size(); ++i) {
    EXPECT_EQ(tuned[i]["label"], untuned[i]["label"]);
    EXPECT_NEAR(tuned[i]["probability"].get<double>(), untuned[i]["probability"].get<double>(), 1e-5);
  }
  EXPECT_FALSE(fs::exists(path("t.txt")));  // opening measures nothing
  EXPECT_EQ(fovea({"classify", path("a.fovea"), kCoffee, "-O", "tune=true"}).code, 0);
  EXPECT_EQ(fovea({"classify", path("a.fovea"), kCoffee, "-O", "tune=false"}).code, 2);
  EXPECT_EQ(fovea({"classify", kDemo, kCoffee, "-O", "tune=perhaps"}).code, 2);
  EXPECT_EQ(fovea({"compile", kDemo, "-o", path("c.fovea"), "--timing-cache", path("t.txt")}).code, 2);
  std::ofstream(path("notes.txt")) << "precious";
  const Outcome refused =
      fovea({"compile", kDemo, "-o", path("c.fovea"), "--tune", "--timing-cache", path("notes.txt"), "--threads", "1"});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("notes.txt"), HasSubstr("no timing cache")));
  EXPECT_EQ(bytes("notes.txt"), "precious");
}

TEST_F(CompileTest, WrongUsageIsSaid) {
  EXPECT_EQ(fovea({"compile", kDemo}).code, 2);
  EXPECT_EQ(fovea({"compile", path("none.onnx"), "-o", path("d.fovea")}).code, 3);
  EXPECT_EQ(fovea({"compile", kDemo, "-o", path("none/d.fovea")}).code, 1);
  EXPECT_EQ(fovea({"compile", kDemo, "-o", path("d.fovea"), "--shape", "x=1x3"}).code, 2);
  fs::copy(kDemo, path("m.onnx"));
  EXPECT_EQ(fovea({"compile", path("m.onnx"), "-o", path("m.onnx")}).code, 2);
  EXPECT_EQ(fs::file_size(path("m.onnx")), fs::file_size(kDemo));
}

TEST_F(CompileTest, TheCacheServesAndSaysSo) {
  const json right = labels({kDemo});
  EXPECT_EQ(labels({kDemo, "--cache", path("cache")}), right);
  EXPECT_EQ(labels({kDemo, "--cache", path("cache")}), right);
  const Outcome told = fovea({"classify", kDemo, kCoffee, "--cache", path("cache"), "-v"});
  EXPECT_THAT(told.err, AllOf(HasSubstr("engine cache: " + path("cache")), testing::Not(HasSubstr("made"))));
  setenv("FOVEA_CACHE", path("other").c_str(), 1);
  EXPECT_EQ(labels({kDemo, "--no-cache"}), right);
  EXPECT_FALSE(fs::exists(path("other")));
  EXPECT_EQ(labels({kDemo}), right);
  EXPECT_TRUE(fs::exists(path("other")));
  unsetenv("FOVEA_CACHE");
  // The flags of shapes are checked as they are without the cache.
  EXPECT_EQ(fovea({"run", kDemo, "--random", "--cache", path("cache"), "--shape", "none=1x3"}).code, 2);
}

}  // namespace
}  // namespace fovea::cli
