// fovea classify: ways of resizing, interrupted and resumed runs, progress.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/command_test.h"
#include "cli/interrupt.h"

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class ClassifyTest : public CommandTest {
 protected:
  static std::vector<std::string> lines(const std::string& file) {
    std::ifstream in(file);
    std::vector<std::string> all;
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
  }
  static std::string bytes_of(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

TEST_F(ClassifyTest, EveryWayOfResizingIsNamedAndFindsTheSame) {
  const auto labels = [](const std::string& resize) {
    std::vector<std::string> found;
    std::istringstream out(fovea({"classify", kDemo, kPhotos, "--format", "json", "--resize", resize}).out);
    for (std::string line; std::getline(out, line);) {
      const json answer = json::parse(line);
      EXPECT_EQ(answer["resize"], resize);
      found.push_back(answer["top"][0]["label"]);
    }
    return found;
  };
  const auto exact = labels("exact");
  EXPECT_EQ(exact.size(), 20u);
  EXPECT_EQ(labels("float"), exact);
  EXPECT_EQ(labels("scaled"), exact);
  EXPECT_THAT(fovea({"classify", kDemo, kCoffee}).out, HasSubstr(" exact, infer"));
  const Outcome wrong = fovea({"classify", kDemo, kCoffee, "--resize", "quick"});
  EXPECT_EQ(wrong.code, kWrongUsage);
  EXPECT_THAT(wrong.err, HasSubstr("exact, float or scaled"));
}

TEST_F(ClassifyTest, ResumesWhereItWasCutOff) {
  const std::string file = path("answers.jsonl");
  const auto run = [&] { return fovea({"classify", kDemo, kPhotos, "--topk", "1", "--resume", file}); };
  const Outcome first = run();
  EXPECT_EQ(first.code, kDone) << first.err;
  EXPECT_EQ(first.out, "");
  const auto all = lines(file);
  ASSERT_EQ(all.size(), 20u);
  // Seven answers and half of the eighth are left.
  uintmax_t bytes = all[7].size() / 2;
  for (size_t i = 0; i < 7; ++i) bytes += all[i].size() + 1;
  fs::resize_file(file, bytes);
  const Outcome second = run();
  EXPECT_EQ(second.code, kDone);
  EXPECT_THAT(second.err, HasSubstr("7 of 20 photos are in"));
  const auto again = lines(file);
  ASSERT_EQ(again.size(), 20u);
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(json::parse(all[i])["top"], json::parse(again[i])["top"]);
  EXPECT_EQ(run().code, kDone);
  EXPECT_EQ(lines(file), again);
}

TEST_F(ClassifyTest, ResumeTouchesNoFileThatIsNotItsOwn) {
  const std::string file = path("notes.txt");
  std::ofstream(file) << "{\"image\": 3}\nremember the milk";
  const Outcome run = fovea({"classify", kDemo, kCoffee, "--resume", file});
  EXPECT_EQ(run.code, kWrongUsage);
  EXPECT_THAT(run.err, HasSubstr("line 1 is no answer"));
  EXPECT_EQ(lines(file).size(), 2u);
  EXPECT_EQ(fovea({"classify", kDemo, kCoffee, "--resume", path("x"), "--format", "csv"}).code, kWrongUsage);
}

TEST_F(ClassifyTest, ResumeTouchesNoFileWithoutALineBreakEither) {
  const std::string file = path("notes.txt");
  for (const std::string text :
       {"remember the milk", "{\"a\"", "{\"image\" ", "{\"images\":[", "{\"image\":\"a.jpg\",\"label\":3}", "\""}) {
    std::ofstream(file, std::ios::binary) << text;
    const Outcome run = fovea({"classify", kDemo, kCoffee, "--resume", file});
    EXPECT_EQ(run.code, kWrongUsage) << text;
    EXPECT_THAT(run.err, HasSubstr("line 1 is no answer"));
    EXPECT_EQ(bytes_of(file), text);
  }
  for (const std::string text : {"{", "{\"image\":", "{\"image\":\"a.jp", "{\"image\":\"a.jpg\",\"top\":[]}"}) {
    std::ofstream(file, std::ios::binary) << text;
    EXPECT_EQ(fovea({"classify", kDemo, kCoffee, "--resume", file}).code, kDone) << text;
    ASSERT_EQ(lines(file).size(), 1u);
    EXPECT_EQ(json::parse(lines(file)[0])["image"], kCoffee);
  }
}

TEST_F(ClassifyTest, ResumeCutsNothingOffBeforeItCanAnswer) {
  const std::string file = path("answers.jsonl"), cut = "{\"image\":\"a.jp";
  std::ofstream(file, std::ios::binary) << cut;
  EXPECT_EQ(fovea({"classify", path("missing.onnx"), kCoffee, "--resume", file}).code, kModelUnusable);
  EXPECT_EQ(bytes_of(file), cut);
}

TEST_F(ClassifyTest, ResumeAnswersForBytesAgain) {
  const std::string file = path("answers.jsonl");
  for (const char* photo : {"/coffee.jpg", "/rocket.jpg"})
    EXPECT_EQ(fovea({"classify", kDemo, "-", "--resume", file}, bytes_of(kPhotos + photo)).code, kDone);
  const auto answers = lines(file);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(json::parse(answers[0])["top"][0]["label"], "coffee");
  EXPECT_EQ(json::parse(answers[1])["top"][0]["label"], "rocket");
}

TEST_F(ClassifyTest, CtrlCKeepsWhatIsAnswered) {
  for (const auto& [batch, kept] : {std::pair("1", 1u), std::pair("8", 8u)}) {
    const std::string file = path(std::string("stopped") + batch);
    // In a process of its own, since an interruption is not taken back.
    EXPECT_EXIT(
        {
          catch_interrupts();
          std::raise(SIGINT);
          std::_Exit(fovea({"classify", kDemo, kPhotos, "--threads", "1", "--batch", batch, "--resume", file}).code);
        },
        testing::ExitedWithCode(kInterrupted), "");
    EXPECT_EQ(lines(file).size(), kept);
  }
}

TEST_F(ClassifyTest, ABadPhotoDoesNotStopTheOthers) {
  fs::create_directories(path("mixed"));
  fs::copy(kCoffee, path("mixed/a.jpg"));
  std::ofstream(path("mixed/b.jpg")) << "no photo";
  fs::copy(kCoffee, path("mixed/c.jpg"));
  for (const char* threads : {"1", "2"}) {
    const std::string file = path(std::string("m") + threads);
    const Outcome run = fovea({"classify", kDemo, path("mixed"), "--resume", file, "--threads", threads, "--progress"});
    EXPECT_EQ(run.code, kSomeInputsFailed);
    EXPECT_THAT(run.err, testing::AllOf(HasSubstr("b.jpg"), HasSubstr("3/3, "), HasSubstr(" images/s"),
                                        HasSubstr("1 of 3 photos have no answer")));
    EXPECT_EQ(lines(file).size(), 2u);
  }
  const Outcome missing = fovea({"classify", kDemo, path("mixed"), path("missing.jpg")});
  EXPECT_EQ(missing.code, kSomeInputsFailed);
  EXPECT_THAT(missing.err, HasSubstr("2 of 4 photos have no answer"));
  // Of a single photo the error has said it.
  EXPECT_THAT(fovea({"classify", kDemo, path("mixed/b.jpg")}).err, testing::Not(HasSubstr("no answer")));
  EXPECT_EQ(fovea({"classify", kDemo, path("mixed"), "-q"}).err.find("photos have"), std::string::npos);
}

}  // namespace
}  // namespace fovea::cli
