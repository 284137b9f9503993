// fovea bench from end to end: worker processes of the program itself, and of a few lines of shell.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "bench/fake_worker.h"
#include "cli/run_cli.h"

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

const std::string kModels = FOVEA_SOURCE_DIR "/models/";
const std::string kDemo = kModels + "demo.onnx";

class BenchCommand : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("bench-" + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// A short run: what is measured is of no interest here.
  int bench(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "bench");
    for (const char* word : {"--program", FOVEA_PROGRAM, "--rounds", "2", "--runs", "3", "--warmup", "0"})
      arguments.emplace_back(word);
    out_.str({});
    err_.str({});
    std::istringstream in;
    Console console{in, out_, err_};
    return run_cli(std::move(arguments), console);
  }
  /// The objects of --format json: the machine, then the rows.
  std::vector<json> lines() const {
    std::vector<json> list;
    std::istringstream text(out_.str());
    for (std::string line; std::getline(text, line);) list.push_back(json::parse(line));
    return list;
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  static std::string read(const std::string& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  /// A worker of a few lines of shell, as --worker takes it.
  static std::string worker(const std::string& name, const std::string& on_load, const std::string& on_run) {
    return name + "=" + bench::fake_worker(on_load, on_run)[2];
  }

  fs::path folder_;
  std::ostringstream out_, err_;
};

TEST_F(BenchCommand, MeasuresTheNativeEngineInAllItsColumns) {
  ASSERT_EQ(bench({kDemo, "--backend", "native", "--threads", "1,2", "--batch", "1,3", "--format", "json", "--per-step",
                   "--stages", kModels + "photos/coffee.jpg"}),
            0)
      << err_.str();
  const auto rows = lines();
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_GT(rows[0]["machine"]["cores"], 0);
  EXPECT_TRUE(rows[0].contains("same_with_same"));
  for (size_t i = 1; i < rows.size(); ++i) {
    const json& row = rows[i];
    EXPECT_FALSE(row.contains("failed")) << row;
    EXPECT_EQ(row["model"], "demo");
    EXPECT_GT(row["ms"]["median"], 0);
    EXPECT_GT(row["images_per_s"], 0);
    EXPECT_EQ(row["ratio"], 1);
    EXPECT_GT(row["peak_fraction"], 0);
    EXPECT_LT(row["error"]["rel_l2"], 1e-4);
    EXPECT_GT(row["load_s"], 0);
    EXPECT_GT(row["first_s"], 0);
    EXPECT_GT(row["rss_mb"], 1);
    EXPECT_GT(row["disk_mb"], 1);
    EXPECT_EQ(row["stages"].size(), 1u);
    EXPECT_GT(row["steps"].size(), 3u);
  }
  EXPECT_EQ(rows[1]["batch"], 1);
  EXPECT_EQ(rows[1]["threads"], 1);
  EXPECT_EQ(rows[4]["batch"], 3);
  EXPECT_EQ(rows[4]["threads"], 2);
}

TEST_F(BenchCommand, WhoeverFailsIsInTheTableWithTheReason) {
  EXPECT_EQ(bench({kDemo, "--backend", "native", "--worker", worker("good", bench::kFakeLoaded, "echo '{\"ms\": [2]}'"),
                   "--worker", worker("crashes", bench::kFakeLoaded, "kill -SEGV $$"), "--worker",
                   "absent=no-such-program-here", "--no-reference", "--format", "json"}),
            0)
      << err_.str();
  const auto rows = lines();
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_FALSE(rows[1].contains("failed"));
  EXPECT_EQ(rows[2]["backend"], "good");
  EXPECT_EQ(rows[2]["ms"]["median"], 2);
  EXPECT_THAT(rows[3]["failed"].get<std::string>(), HasSubstr("Segmentation fault"));
  EXPECT_THAT(rows[4]["failed"].get<std::string>(), HasSubstr("no-such-program-here"));
}

TEST_F(BenchCommand, WritesAllFormsAndComparesWithAnOlderRun) {
  const std::string fast = "w=" + bench::fake_worker_of("1")[2], slow = "w=" + bench::fake_worker_of("2")[2];
  const std::string old_file = path("old.json");
  ASSERT_EQ(bench({kDemo, "--no-reference", "--worker", fast, "--json", old_file, "--html", path("a.html"), "--csv",
                   path("a.csv"), "--markdown", path("a.md")}),
            0)
      << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("demo"));
  EXPECT_THAT(read(path("a.html")), HasSubstr("<html"));
  EXPECT_THAT(read(path("a.csv")), HasSubstr("demo"));
  EXPECT_THAT(read(path("a.md")), HasSubstr("|"));
  EXPECT_EQ(bench({kDemo, "--no-reference", "--worker", fast, "--compare", old_file}), 0) << out_.str();
  EXPECT_EQ(bench({kDemo, "--no-reference", "--worker", slow, "--compare", old_file}), 1) << out_.str();
  EXPECT_EQ(bench({kDemo, "--no-reference", "--worker", slow, "--compare", old_file, "--fail-over", "150%"}), 0)
      << out_.str();
}

TEST_F(BenchCommand, AModelThatNobodyCanRunEndsWithThree) {
  EXPECT_EQ(bench({"/no/such.onnx", "--backend", "native", "--format", "json"}), 3);
  EXPECT_THAT(lines().at(1)["failed"].get<std::string>(), HasSubstr("/no/such.onnx"));
  std::ofstream(path("broken.onnx")) << "this is no model";
  EXPECT_EQ(bench({path("broken.onnx"), "--backend", "native"}), 3);
}

TEST_F(BenchCommand, ABackendThatIsNotThereEndsWithFour) {
  EXPECT_EQ(bench({kDemo, "--backend", "no_such_backend", "--no-reference", "--format", "json"}), 4);
  EXPECT_THAT(lines().at(1)["failed"].get<std::string>(), HasSubstr("no_such_backend"));
}

TEST_F(BenchCommand, OptionsReachTheirBackend) {
  EXPECT_EQ(bench({kDemo, "--backend", "native", "-O", "native/fast_kernels=false", "-O", "other/x=1", "--no-reference",
                   "--no-self"}),
            0)
      << out_.str();
  EXPECT_EQ(bench({kDemo, "--backend", "native", "-O", "no_such_option=1", "--no-reference"}), 3);
  EXPECT_THAT(out_.str(), HasSubstr("no_such_option"));
}

TEST_F(BenchCommand, WhatCannotBeMeantEndsWithTwo) {
  const std::vector<std::vector<std::string>> cases = {
      {kDemo, "--worker", "noequals"},
      {kDemo, "--backend", "native", "--baseline", "openvino"},
      {kDemo, "--backend", "native,native"},
      {kDemo, "--backend", "native", "--precision", "fp8"},
      {kDemo, "--backend", "native", "--batch", "0"},
      {kDemo, "--backend", "native", "--threads", "none"},
      {kDemo, "--backend", "native", "--shape", "x"},
      {kDemo, "--backend", "native", "-O", "x"},
      {kDemo, "--backend", "native", "--fail-over", "much"},
      {kDemo, "--backend", "native", "--compare", "/no/such.json"},
      {kDemo, "--backend", "native", "--json", "/no/such/folder/a.json"},
      {kDemo, "--backend", "native", "--stages", "/no/such.jpg"},
      {kDemo, "--backend", "native", "--format", "xml"},
      {},
  };
  for (const auto& arguments : cases) EXPECT_EQ(bench(arguments), 2) << testing::PrintToString(arguments) << out_.str();
}

TEST_F(BenchCommand, TheWorkerAnswersLineByLine) {
  std::istringstream in("{\"run\": {\"runs\": 1, \"seconds\": 1}}\n{\"stop\": {}}\n");
  Console console{in, out_, err_};
  EXPECT_EQ(run_cli({"bench-worker", "--backend", "native"}, console), 0);
  EXPECT_THAT(out_.str(), HasSubstr("no model is loaded"));
}

}  // namespace
}  // namespace fovea::cli
