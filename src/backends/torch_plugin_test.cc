// The backend "torch" on the CPU, where its plugin was built and LibTorch is found: on the module that
// tools/make_torchscript_case.py wrote, and on demo.pt and demo.pt2 in the folder FOVEA_TEST_MODELS, where
// tools/export_torch.py wrote them.
#include "backends/runtime_test.h"

namespace fovea::backends {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::filesystem::path kSums = FOVEA_SOURCE_DIR "/src/backends/testdata/sums.pt";

class TorchPluginTest : public RuntimeTest {
 protected:
  TorchPluginTest() : RuntimeTest("torch") {}

  void expect_demo_answer(const char* file) const {
    const char* folder = std::getenv("FOVEA_TEST_MODELS");
    if (!folder) GTEST_SKIP() << "FOVEA_TEST_MODELS names no folder with " << file;
    const auto e = engine(std::filesystem::path(folder) / file);
    ASSERT_TRUE(e);
    EXPECT_LT(difference(run(*e, demo_input(1)), demo_answer(1)), 3e-5);
    EXPECT_LT(difference(run(*e, demo_input(3)), demo_answer(3)), 3e-5);
  }
};

std::vector<Tensor> inputs() { return {Tensor::of<float>({3}, {1, 5, 2}), Tensor::of<float>({3}, {0.5, 0.25, 7})}; }

TEST_F(TorchPluginTest, OutputsOfAnyNestingAreLearntByARun) {
  options_.shapes = {{"a", {3}}, {"b", {3}}};
  const auto e = engine(kSums);
  ASSERT_TRUE(e);
  ASSERT_EQ(e->inputs().size(), 2u);
  EXPECT_EQ(e->inputs()[0].name, "a");
  EXPECT_EQ(e->inputs()[1].name, "b");
  ASSERT_EQ(e->outputs().size(), 4u);
  EXPECT_EQ(e->outputs()[0].name, "output0");
  EXPECT_EQ(e->outputs()[0].type.dtype, DType::f32);
  EXPECT_EQ(e->outputs()[1].name, "output1.largest.0");
  EXPECT_EQ(e->outputs()[2].name, "output1.places.0");
  EXPECT_EQ(e->outputs()[3].name, "output1.places.1");
  EXPECT_EQ(e->outputs()[3].type.dtype, DType::i64);
  const auto outputs = e->run(inputs());
  ASSERT_TRUE(outputs.ok()) << outputs.error().to_string();
  EXPECT_THAT(outputs->at(0).values<float>(), ElementsAre(3, 10.5, 18));
  EXPECT_THAT(outputs->at(1).values<float>(), ElementsAre(18));
  EXPECT_THAT(outputs->at(2).values<int64_t>(), ElementsAre(1));
  EXPECT_THAT(outputs->at(3).values<int64_t>(), ElementsAre(2));
}

TEST_F(TorchPluginTest, WithoutShapesNestedOutputsAreAnErrorWithTheFix) {
  const auto e = compile(kSums);
  ASSERT_FALSE(e.ok());
  EXPECT_EQ(e.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(e.error().to_string(), HasSubstr("--shape a="));
}

TEST_F(TorchPluginTest, ASingleInputMayHaveTheNameOfTheOnnxModelsInput) {
  const Tensor photo = demo_input(1);
  options_.shapes = {{"a name that only the other file has", photo.shape()}};
  const auto e = engine(FOVEA_SOURCE_DIR "/models/demo.pt");
  ASSERT_TRUE(e);
  EXPECT_LT(difference(run(*e, photo), demo_answer(1)), 3e-5);
}

TEST_F(TorchPluginTest, BrainFloatConvertsTheModuleAndSaysSo) {
  options_.shapes = {{"a", {3}}, {"b", {3}}};
  options_.precision = Precision::bf16;
  const auto e = engine(kSums);
  ASSERT_TRUE(e);
  EXPECT_THAT(fact(*e, "precision"), HasSubstr("bf16"));
  const auto outputs = e->run(inputs());
  ASSERT_TRUE(outputs.ok()) << outputs.error().to_string();
  EXPECT_EQ(outputs->at(0).dtype(), DType::f32);
  EXPECT_THAT(outputs->at(0).values<float>(), ElementsAre(3, 10.5, 18));  // exact in bf16 too
}

TEST_F(TorchPluginTest, IntegerProductsNeedAQuantizedModule) {
  options_.precision = Precision::int8;
  const auto e = compile(kSums);
  ASSERT_FALSE(e.ok());
  EXPECT_THAT(e.error().to_string(), HasSubstr("not quantized"));
}

TEST_F(TorchPluginTest, InputsThatDoNotFitTheModuleAreAnError) {
  options_.shapes = {{"a", {3}}, {"b", {2}}};
  const auto e = compile(kSums);
  ASSERT_FALSE(e.ok());
  EXPECT_EQ(e.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(e.error().to_string(), HasSubstr("size of tensor"));
  options_.shapes = {{"c", {3}}};
  const auto name = compile(kSums);
  ASSERT_FALSE(name.ok());
  EXPECT_THAT(name.error().to_string(), HasSubstr("it has a, b"));
}

TEST_F(TorchPluginTest, WhatIsNoModuleIsAnError) {
  const auto text = compile(write_file("model.pt", "no module"));
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().code, ErrorCode::invalid_model);
  EXPECT_EQ(compile(folder_ / "nowhere.pt").error().code, ErrorCode::not_found);
  options_.options = {{"speed", "9"}};
  EXPECT_EQ(compile(kSums).error().code, ErrorCode::invalid_argument);
}

TEST_F(TorchPluginTest, ADamagedModuleIsAnErrorOrRuns) {
  std::ifstream file(kSums, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  ASSERT_GT(bytes.size(), 1000u);
  for (size_t at = 0; at < bytes.size(); at += 61) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(~damaged[at]);
    const auto e = compile(write_file("damaged.pt", damaged));
    EXPECT_TRUE(e.ok() || !e.error().message.empty()) << at;
  }
  for (size_t length = 0; length < bytes.size(); length += 101)
    EXPECT_FALSE(compile(write_file("short.pt", bytes.substr(0, length))).ok());
}

TEST_F(TorchPluginTest, TheDemoModelsTorchScriptAnswersAsFoveaDoes) { expect_demo_answer("demo.pt"); }

TEST_F(TorchPluginTest, TheDemoModelsPackageAnswersAsFoveaDoes) { expect_demo_answer("demo.pt2"); }

}  // namespace
}  // namespace fovea::backends
