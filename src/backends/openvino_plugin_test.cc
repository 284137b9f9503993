// The backend "openvino" on the CPU, where its plugin was built and OpenVINO is found.
#include "backends/runtime_test.h"

namespace fovea::backends {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class OpenVinoPluginTest : public RuntimeTest {
 protected:
  OpenVinoPluginTest() : RuntimeTest("openvino") {}
};

constexpr const char* kDoubled =
    "graph g (f32[batch,2] x) -> (y) { two = constant f32[1] {2}  f32[batch,2] y = Mul@13(x, two) }";

TEST_F(OpenVinoPluginTest, TheDemoModelsAnswerIsFoveasOwn) {
  const auto e = engine(kDemoModel);
  ASSERT_TRUE(e);
  EXPECT_LT(difference(run(*e, demo_input(1)), demo_answer(1)), 3e-5);
  EXPECT_LT(difference(run(*e, demo_input(3)), demo_answer(3)), 3e-5);
}

TEST_F(OpenVinoPluginTest, OpenExtentsTakeAnyShape) {
  const auto e = engine(write_model(kDoubled));
  ASSERT_TRUE(e);
  ASSERT_EQ(e->inputs().size(), 1u);
  EXPECT_EQ(e->inputs()[0].name, "x");
  EXPECT_EQ(e->outputs()[0].name, "y");
  ASSERT_TRUE(e->inputs()[0].type.shape);
  EXPECT_EQ(e->inputs()[0].type.shape->at(0).value, -1);
  EXPECT_EQ(e->inputs()[0].type.shape->at(1).value, 2);
  EXPECT_THAT(run(*e, Tensor::of<float>({1, 2}, {1, 2})), ElementsAre(2, 4));
  EXPECT_THAT(run(*e, Tensor::of<float>({2, 2}, {1, 2, 3, 4})), ElementsAre(2, 4, 6, 8));
  // More shapes than are kept, and back to the first one.
  for (int64_t batch = 1; batch <= 6; ++batch)
    EXPECT_EQ(run(*e, Tensor::of<float>({batch, 2}, std::vector<float>(static_cast<size_t>(2 * batch), 3))).back(), 6);
  EXPECT_THAT(run(*e, Tensor::of<float>({1, 2}, {5, 6})), ElementsAre(10, 12));
}

TEST_F(OpenVinoPluginTest, OutputsGoIntoMemoryOfTheCallers) {
  const auto e = engine(write_model(kDoubled));
  ASSERT_TRUE(e);
  const std::vector<Tensor> inputs = {Tensor::of<float>({1, 2}, {1, 2})};
  ASSERT_TRUE(e->prepare(std::vector<TensorType>{inputs[0].type()}).ok());
  for (int i = 0; i < 2; ++i) {
    float memory[2] = {};
    const Shape shape = {1, 2};
    const MutableView views[] = {{DType::f32, shape, memory}};
    const auto done = e->run_into(inputs, views);
    ASSERT_TRUE(done.ok()) << done.error().to_string();
    EXPECT_THAT(memory, ElementsAre(2, 4));
  }
}

TEST_F(OpenVinoPluginTest, AnOutputWhoseShapeDependsOnValuesIsRightEachTime) {
  const auto e = engine(write_model("graph g (f32[4] x) -> (y) { i64[1,n] y = NonZero@13(x) }"));
  ASSERT_TRUE(e);
  const auto count = [&](const std::vector<float>& x) {
    const auto outputs = e->run(std::vector<Tensor>{Tensor::of<float>({4}, x)});
    EXPECT_TRUE(outputs.ok()) << outputs.error().to_string();
    return outputs.ok() ? outputs->at(0).shape()[1] : -1;
  };
  EXPECT_EQ(count({0, 1, 0, 1}), 2);
  EXPECT_EQ(count({1, 1, 1, 1}), 4);
  EXPECT_EQ(count({0, 0, 1, 0}), 1);
}

TEST_F(OpenVinoPluginTest, ThePrecisionIsSetAndReadBack) {
  options_.shapes["x"] = {1, 2};
  options_.options["ENABLE_CPU_PINNING"] = "NO";
  const auto e = engine(write_model(kDoubled));
  ASSERT_TRUE(e);
  EXPECT_EQ(fact(*e, "INFERENCE_PRECISION_HINT"), "f32");
  EXPECT_EQ(fact(*e, "INFERENCE_NUM_THREADS"), "1");
  EXPECT_EQ(fact(*e, "NUM_STREAMS"), "1");
  EXPECT_EQ(fact(*e, "PERFORMANCE_HINT"), "LATENCY");
  EXPECT_EQ(fact(*e, "ENABLE_CPU_PINNING"), "NO");
  EXPECT_EQ(fact(*e, "EXECUTION_DEVICES"), "CPU");
}

TEST_F(OpenVinoPluginTest, BrainFloatIsEitherThereOrRefused) {
  options_.precision = Precision::bf16;
  options_.shapes["x"] = {1, 2};
  const auto e = compile(write_model(kDoubled));
  if (e.ok()) {
    EXPECT_EQ(fact(**e, "INFERENCE_PRECISION_HINT"), "bf16");
  } else {
    EXPECT_EQ(e.error().code, ErrorCode::unavailable);
    EXPECT_THAT(e.error().to_string(), HasSubstr("FP32"));
  }
}

TEST_F(OpenVinoPluginTest, IntegerProductsNeedAQuantizedModel) {
  options_.precision = Precision::int8;
  const auto e = compile(write_model(kDoubled));
  ASSERT_FALSE(e.ok());
  EXPECT_EQ(e.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(e.error().to_string(), HasSubstr("QuantizeLinear"));
}

TEST_F(OpenVinoPluginTest, TheCacheServesTheSecondEngine) {
  options_.cache = folder_ / "cache";
  options_.shapes["input"] = {1, 3, 128, 128};
  const auto first = engine(kDemoModel);
  ASSERT_TRUE(first);
  EXPECT_EQ(fact(*first, "from cache"), "no");
  const auto second = engine(kDemoModel);
  ASSERT_TRUE(second);
  EXPECT_EQ(fact(*second, "from cache"), "yes");
  EXPECT_LT(difference(run(*second, demo_input(1)), run(*first, demo_input(1))), 1e-6);
}

TEST_F(OpenVinoPluginTest, AnOptionThatOpenVinoRefusesIsNamed) {
  options_.options = {{"SPEED", "9"}};
  const auto unknown = compile(write_model(kDoubled));
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(unknown.error().to_string(), HasSubstr("SPEED=9"));
  EXPECT_THAT(unknown.error().to_string(), HasSubstr("NUM_STREAMS"));
  options_.options = {{"NUM_STREAMS", "many"}};
  const auto value = compile(write_model(kDoubled));
  ASSERT_FALSE(value.ok());
  EXPECT_THAT(value.error().to_string(), HasSubstr("NUM_STREAMS=many"));
}

TEST_F(OpenVinoPluginTest, WhatIsNoModelIsAnError) {
  const auto text = compile(write_file("model.onnx", "no model"));
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().code, ErrorCode::invalid_model);
  const auto missing = compile(folder_ / "nowhere.onnx");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
}

TEST_F(OpenVinoPluginTest, ShapesThatDoNotFitAreAnError) {
  options_.shapes["z"] = {1, 2};
  const auto name = compile(write_model(kDoubled));
  ASSERT_FALSE(name.ok());
  EXPECT_THAT(name.error().to_string(), HasSubstr("\"z\""));
  options_.shapes = {{"input", {1, 5, 128, 128}}};
  const auto shape = compile(kDemoModel);
  ASSERT_FALSE(shape.ok());
  EXPECT_EQ(shape.error().code, ErrorCode::invalid_argument);
}

TEST_F(OpenVinoPluginTest, ADeviceThatIsNotThereIsUnavailable) {
  const auto library = backend_->probe("npu", options_);
  if (library.ok()) GTEST_SKIP() << "this machine has an NPU";
  EXPECT_EQ(library.error().code, ErrorCode::unavailable);
  EXPECT_THAT(library.error().to_string(), HasSubstr("openvino:cpu"));
}

}  // namespace
}  // namespace fovea::backends
