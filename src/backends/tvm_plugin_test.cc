// The backend "tvm", where its plugin was built and TVM's runtime is found. Compiled modules are of one CPU, so none is
// checked in: demo.tvm.so is taken from the folder FOVEA_TEST_MODELS, where tools/compile_tvm.py wrote it.
#include "backends/runtime_test.h"

namespace fovea::backends {
namespace {

using testing::HasSubstr;

class TvmPluginTest : public RuntimeTest {
 protected:
  TvmPluginTest() : RuntimeTest("tvm") {}

  /// A library that is none, with this description beside it.
  Result<std::unique_ptr<Engine>> compile_described(const std::string& json) const {
    const auto library = write_file("model.tvm.so", "no library");
    write_file("model.tvm.json", json);
    return compile(library);
  }
};

constexpr const char* kDescription =
    R"({"function": "main", "inputs": [{"name": "x", "shape": [1, 2], "dtype": "float32"}],)"
    R"( "outputs": [{"name": "y", "shape": [1, 2], "dtype": "float32"}]})";

TEST_F(TvmPluginTest, TheDemoModelsAnswerIsFoveasOwn) {
  const char* folder = std::getenv("FOVEA_TEST_MODELS");
  if (!folder) GTEST_SKIP() << "FOVEA_TEST_MODELS names no folder with demo.tvm.so";
  const auto e = engine(std::filesystem::path(folder) / "demo.tvm.so");
  ASSERT_TRUE(e);
  EXPECT_EQ(e->inputs()[0].name, "input");
  EXPECT_EQ(fact(*e, "threads"), "1");
  EXPECT_LT(difference(run(*e, demo_input(1)), demo_answer(1)), 3e-5);
  EXPECT_LT(difference(run(*e, demo_input(1)), demo_answer(1)), 3e-5);
  EXPECT_FALSE(e->run(std::vector<Tensor>{demo_input(2)}).ok());
}

TEST_F(TvmPluginTest, AModuleWithoutItsDescriptionIsAnErrorWithTheFix) {
  const auto alone = compile(write_file("model.tvm.so", "no library"));
  ASSERT_FALSE(alone.ok());
  EXPECT_EQ(alone.error().code, ErrorCode::not_found);
  EXPECT_THAT(alone.error().to_string(), HasSubstr("tools/compile_tvm.py"));
}

TEST_F(TvmPluginTest, ADamagedDescriptionIsAnError) {
  for (const char* json :
       {"", "[]", "{}", R"({"inputs": 3, "outputs": []})", R"({"inputs": [{"name": "x"}], "outputs": []})",
        R"({"inputs": [{"name": "x", "shape": [-1], "dtype": "float32"}], "outputs": []})",
        R"({"inputs": [{"name": "x", "shape": [4611686018427387904, 4], "dtype": "float32"}], "outputs": []})",
        R"({"inputs": [{"name": "x", "shape": [1], "dtype": "complex"}], "outputs": []})"}) {
    const auto e = compile_described(json);
    ASSERT_FALSE(e.ok()) << json;
    EXPECT_EQ(e.error().code, ErrorCode::invalid_model) << json;
  }
}

TEST_F(TvmPluginTest, WhatIsNoLibraryIsAnError) {
  const auto e = compile_described(kDescription);
  ASSERT_FALSE(e.ok());
  EXPECT_EQ(e.error().code, ErrorCode::invalid_model);
}

TEST_F(TvmPluginTest, ShapesAndPrecisionsThatItWasNotCompiledForAreRefused) {
  options_.shapes["x"] = {8, 2};
  const auto batch = compile_described(kDescription);
  ASSERT_FALSE(batch.ok());
  EXPECT_EQ(batch.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(batch.error().to_string(), HasSubstr("--batch"));
  options_.shapes.clear();
  options_.precision = Precision::bf16;
  const auto precision = compile_described(kDescription);
  ASSERT_FALSE(precision.ok());
  EXPECT_EQ(precision.error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace fovea::backends
