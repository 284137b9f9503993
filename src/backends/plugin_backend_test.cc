// Plugins, with the example of docs/backends.md as one of them.
#include "backends/plugin_backend.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/registry.h"

namespace fovea::backends {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A folder for one test, with models in it, and the example's folder among the plugins'.
class PluginBackendTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              (std::string("fovea_plugins_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
    setenv("FOVEA_PLUGINS", (folder_.string() + ":" + FOVEA_EXAMPLE_PLUGINS).c_str(), 1);
  }
  void TearDown() override {
    unsetenv("FOVEA_PLUGINS");
    std::filesystem::remove_all(folder_);
  }

  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  Result<std::shared_ptr<Engine>> compile(const std::string& text, CompileOptions options = {}) const {
    options.backend = "add_number";
    return backends::compile({write("model.number", text), nullptr}, options);
  }

  std::filesystem::path folder_;
};

TEST_F(PluginBackendTest, AnEngineFromOutsideTheTreeRuns) {
  const auto engine = compile("2.5", {.threads = 1, .options = {{"times", "2"}}});
  ASSERT_TRUE(engine.ok()) << engine.error().to_string();
  ASSERT_EQ((*engine)->inputs().size(), 1u);
  EXPECT_EQ((*engine)->inputs()[0].name, "x");
  EXPECT_EQ((*engine)->outputs()[0].name, "y");
  const std::vector<Tensor> inputs = {Tensor::of<float>({2, 2}, {1, 2, 3, 4})};
  const auto outputs = (*engine)->run(inputs);
  ASSERT_TRUE(outputs.ok()) << outputs.error().to_string();
  EXPECT_EQ(outputs->at(0).shape(), (Shape{2, 2}));
  EXPECT_THAT(outputs->at(0).values<float>(), ElementsAre(6, 7, 8, 9));
  ASSERT_EQ((*engine)->facts().size(), 1u);
  EXPECT_EQ((*engine)->facts()[0].value, "5");
}

TEST_F(PluginBackendTest, OutputsGoIntoMemoryOfTheCallers) {
  const auto engine = compile("1");
  ASSERT_TRUE(engine.ok());
  const std::vector<Tensor> inputs = {Tensor::of<float>({3}, {1, 2, 3})};
  float memory[3] = {};
  const Shape right = {3}, wrong = {1, 3};
  const MutableView views[] = {{DType::f32, right, memory}};
  ASSERT_TRUE((*engine)->run_into(inputs, views).ok());
  EXPECT_THAT(memory, ElementsAre(2, 3, 4));
  const MutableView misfits[] = {{DType::f32, wrong, memory}};
  const auto refused = (*engine)->run_into(inputs, misfits);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(refused.error().to_string(), HasSubstr("f32[1x3]"));
}

TEST_F(PluginBackendTest, WhatThePluginReportsReachesTheCaller) {
  const auto empty = compile("no number");
  ASSERT_FALSE(empty.ok());
  EXPECT_EQ(empty.error().code, ErrorCode::invalid_model);
  EXPECT_EQ(empty.error().to_string(), "backend add_number: the model holds no number; write one into it");
  const auto option = compile("1", {.options = {{"speed", "9"}}});
  ASSERT_FALSE(option.ok());
  EXPECT_EQ(option.error().code, ErrorCode::invalid_argument);
}

TEST_F(PluginBackendTest, ATensorThatDoesNotFitIsRefusedBeforeThePluginSeesIt) {
  const auto engine = compile("1");
  ASSERT_TRUE(engine.ok());
  const std::vector<Tensor> integers = {Tensor::of<int32_t>({1}, {1})};
  EXPECT_EQ((*engine)->run(integers).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ((*engine)->run({}).error().code, ErrorCode::invalid_argument);
}

TEST_F(PluginBackendTest, AModelOfAnotherFormatIsFoundBesideTheNamedOne) {
  write("net.onnx", "");
  const auto backend = find("add_number");
  ASSERT_TRUE(backend.ok()) << backend.error().to_string();
  const auto missing = model_file(**backend, folder_ / "net.onnx");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_THAT(missing.error().to_string(), HasSubstr("net.number"));
  const auto beside = write("net.number", "1");
  EXPECT_EQ(*model_file(**backend, folder_ / "net.onnx"), beside);
}

TEST_F(PluginBackendTest, WhatIsNoPluginIsNamedWithTheReason) {
  write("libfovea_backend_text.so", "not a library");
  write("libfovea_backend_Bad-Name.so", "");
  std::filesystem::copy_file(std::filesystem::path(FOVEA_EXAMPLE_PLUGINS) / "libfovea_backend_add_number.so",
                             folder_ / "libfovea_backend_other.so");
  const auto text = find("text");
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().code, ErrorCode::unavailable);
  EXPECT_THAT(text.error().to_string(), HasSubstr("cannot be loaded"));
  const auto other = find("other");
  ASSERT_FALSE(other.ok());
  EXPECT_THAT(other.error().to_string(), HasSubstr("calls itself \"add_number\""));
  const auto bad = find("Bad-Name");
  ASSERT_FALSE(bad.ok());
  EXPECT_THAT(bad.error().to_string(), HasSubstr("no backend is called"));
}

TEST_F(PluginBackendTest, TheRegistryListsItBehindTheKnownOnes) {
  const std::vector<Status> backends = all();
  ASSERT_GE(backends.size(), 7u);
  EXPECT_EQ(backends.front().name, "native");
  EXPECT_NE(backends.front().backend, nullptr);
  EXPECT_EQ(backends.back().name, "add_number");
  EXPECT_EQ(backends.back().title, "Adding a number");
  const auto library = backends.back().backend->probe("cpu", {});
  ASSERT_TRUE(library.ok());
  EXPECT_EQ(library->version, "1.0");
}

TEST_F(PluginBackendTest, ADeviceThatTheBackendLacksIsNamedWithThoseThatItHas) {
  const auto choice = choose("add_number:quantum");
  ASSERT_FALSE(choice.ok());
  EXPECT_THAT(choice.error().to_string(), HasSubstr("it has cpu"));
  EXPECT_EQ(choose("add_number")->device, "cpu");
}

}  // namespace
}  // namespace fovea::backends
