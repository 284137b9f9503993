// What the tests of outside runtimes share: skipping where one is not there, and the demo model's answer.
#pragma once

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/registry.h"
#include "graph/text.h"
#include "onnx/write.h"

namespace fovea::backends {

/// A folder for one test, and the backend under test; skipped, with the reason, where its plugin or library is missing.
class RuntimeTest : public testing::Test {
 protected:
  explicit RuntimeTest(std::string name) : name_(std::move(name)) {}

  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              fmt::format("fovea_{}_{}", name_, testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    setenv("FOVEA_PLUGINS", FOVEA_BUILT_PLUGINS, 1);
    const auto backend = find(name_);
    if (!backend.ok()) GTEST_SKIP() << backend.error().to_string();
    backend_ = *backend;
    const auto library = backend_->probe(backend_->devices().front(), options_);
    if (!library.ok()) GTEST_SKIP() << library.error().to_string();
  }
  void TearDown() override {
    unsetenv("FOVEA_PLUGINS");
    std::filesystem::remove_all(folder_);
  }

  std::filesystem::path write_model(const std::string& text) const {
    const auto graph = parse_graph(text);
    EXPECT_TRUE(graph.ok()) << graph.error().to_string();
    const auto path = folder_ / "model.onnx";
    const auto written = onnx::write_model(*graph, path, {.producer = "test"});
    EXPECT_TRUE(written.ok()) << written.error().to_string();
    return path;
  }
  std::filesystem::path write_file(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  Result<std::unique_ptr<Engine>> compile(const std::filesystem::path& model) const {
    return backend_->compile({model, nullptr}, backend_->devices().front(), options_);
  }
  /// Of a model that must compile.
  std::unique_ptr<Engine> engine(const std::filesystem::path& model) const {
    auto result = compile(model);
    EXPECT_TRUE(result.ok()) << result.error().to_string();
    return result.ok() ? std::move(result).value() : nullptr;
  }
  static std::string fact(const Engine& engine, std::string_view name) {
    for (const Fact& f : engine.facts())
      if (f.name == name) return f.value;
    return {};
  }
  static std::vector<float> run(Engine& engine, const Tensor& input) {
    const auto outputs = engine.run(std::vector<Tensor>{input});
    EXPECT_TRUE(outputs.ok()) << outputs.error().to_string();
    if (!outputs.ok()) return {};
    const auto values = outputs->at(0).values<float>();
    return {values.begin(), values.end()};
  }

  std::string name_;
  std::filesystem::path folder_;
  const Backend* backend_ = nullptr;
  CompileOptions options_ = {.threads = 1};
};

inline const std::filesystem::path kDemoModel = FOVEA_SOURCE_DIR "/models/demo.onnx";

/// An input of the demo model that is no photo, but the same everywhere.
inline Tensor demo_input(int64_t batch) {
  std::vector<float> values(static_cast<size_t>(batch * 3 * 128 * 128));
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(0.37F * static_cast<float>(i % 9973));
  return Tensor::of<float>({batch, 3, 128, 128}, values);
}

/// fovea's own answer.
inline std::vector<float> demo_answer(int64_t batch) {
  const auto engine = backends::compile({kDemoModel, nullptr}, {.threads = 1});
  EXPECT_TRUE(engine.ok()) << engine.error().to_string();
  if (!engine.ok()) return {};
  const auto outputs = (*engine)->run(std::vector<Tensor>{demo_input(batch)});
  EXPECT_TRUE(outputs.ok()) << outputs.error().to_string();
  if (!outputs.ok()) return {};
  const auto values = outputs->at(0).values<float>();
  return {values.begin(), values.end()};
}

/// Relative L2; 1 where the sizes differ.
inline double difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size() || a.empty()) return 1;
  double error = 0, size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    error += (a[i] - b[i]) * static_cast<double>(a[i] - b[i]);
    size += b[i] * static_cast<double>(b[i]);
  }
  return std::sqrt(error / size);
}

}  // namespace fovea::backends
