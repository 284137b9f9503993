// What tests of commands share: a command run in this process, and a folder for its files.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cli/run_cli.h"

namespace fovea::cli {

inline const std::string kModels = FOVEA_SOURCE_DIR "/models/", kDemo = kModels + "demo.onnx",
                         kPhotos = kModels + "photos", kCoffee = kPhotos + "/coffee.jpg";

struct Outcome {
  int code;
  std::string out, err;
  std::vector<std::string> lines() const {
    std::vector<std::string> list;
    std::istringstream text(out);
    for (std::string line; std::getline(text, line);) list.push_back(line);
    return list;
  }
};

/// Runs `fovea` with these arguments.
inline Outcome fovea(std::vector<std::string> arguments, const std::string& stdin_bytes = {}) {
  std::istringstream in(stdin_bytes);
  std::ostringstream out, err;
  Console console{in, out, err};
  const int code = run_cli(std::move(arguments), console);
  return {code, out.str(), err.str()};
}

/// An empty folder for each test, gone behind it.
class CommandTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::path(testing::TempDir()) / "fovea-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::filesystem::path folder_;
};

}  // namespace fovea::cli
