// The backend "onnxruntime", where its plugin was built and a library is found: FOVEA_ONNXRUNTIME's or one of the usual
// places', else that of .venv, which the tests' own Python packages bring. What needs a GPU is not tested here.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/registry.h"
#include "graph/text.h"
#include "onnx/write.h"

namespace fovea::backends {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

class OnnxRuntimePluginTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              (std::string("fovea_onnxruntime_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    setenv("FOVEA_PLUGINS", FOVEA_BUILT_PLUGINS, 1);
    const auto backend = find("onnxruntime");
    if (!backend.ok()) GTEST_SKIP() << backend.error().to_string();
    backend_ = *backend;
    if (backend_->probe("cpu", options_).ok()) return;
    options_.options["library"] = FOVEA_SOURCE_DIR "/.venv";
    const auto library = backend_->probe("cpu", options_);
    if (!library.ok()) GTEST_SKIP() << library.error().to_string();
  }
  void TearDown() override {
    unsetenv("FOVEA_PLUGINS");
    std::filesystem::remove_all(folder_);
  }

  std::filesystem::path write(const std::string& text, int64_t external_from = -1) const {
    const auto graph = parse_graph(text);
    EXPECT_TRUE(graph.ok()) << graph.error().to_string();
    const auto path = folder_ / "model.onnx";
    const auto written = onnx::write_model(*graph, path, {.external_from = external_from, .producer = "test"});
    EXPECT_TRUE(written.ok()) << written.error().to_string();
    return path;
  }
  Result<std::unique_ptr<Engine>> compile(const std::string& text) const {
    return backend_->compile({write(text), nullptr}, "cpu", options_);
  }
  /// Of a model that must compile.
  std::unique_ptr<Engine> engine(const std::string& text) const {
    auto result = compile(text);
    EXPECT_TRUE(result.ok()) << result.error().to_string();
    return result.ok() ? std::move(result).value() : nullptr;
  }

  std::filesystem::path folder_;
  const Backend* backend_ = nullptr;
  CompileOptions options_ = {.threads = 1};
};

constexpr const char* kDoubled =
    "graph g (f32[batch,2] x) -> (y) { two = constant f32[1] {2}  f32[batch,2] y = Mul@13(x, two) }";

std::vector<float> run(Engine& engine, const Tensor& input) {
  const auto outputs = engine.run(std::vector<Tensor>{input});
  EXPECT_TRUE(outputs.ok()) << outputs.error().to_string();
  if (!outputs.ok()) return {};
  const auto values = outputs->at(0).values<float>();
  return {values.begin(), values.end()};
}

TEST_F(OnnxRuntimePluginTest, TheLibrarySaysWhichItIs) {
  const auto library = backend_->probe("cpu", options_);
  ASSERT_TRUE(library.ok());
  EXPECT_THAT(library->version, HasSubstr("."));
  EXPECT_TRUE(std::filesystem::exists(library->location)) << library->location;
}

TEST_F(OnnxRuntimePluginTest, OpenExtentsTakeAnyShapeAndOutputsFollow) {
  const auto e = engine(kDoubled);
  ASSERT_TRUE(e);
  ASSERT_EQ(e->inputs().size(), 1u);
  EXPECT_EQ(e->inputs()[0].name, "x");
  ASSERT_TRUE(e->inputs()[0].type.shape);
  EXPECT_EQ(e->inputs()[0].type.shape->at(0).value, -1);
  EXPECT_EQ(e->inputs()[0].type.shape->at(1).value, 2);
  // The second run of a shape writes into memory that was bound ahead; so each shape twice, and back again.
  for (int i = 0; i < 2; ++i) EXPECT_THAT(run(*e, Tensor::of<float>({1, 2}, {1, 2})), ElementsAre(2, 4));
  for (int i = 0; i < 2; ++i) EXPECT_THAT(run(*e, Tensor::of<float>({2, 2}, {1, 2, 3, 4})), ElementsAre(2, 4, 6, 8));
  EXPECT_THAT(run(*e, Tensor::of<float>({1, 2}, {5, 6})), ElementsAre(10, 12));
  EXPECT_THAT(run(*e, Tensor::of<float>({0, 2}, {})), ElementsAre());
}

TEST_F(OnnxRuntimePluginTest, OutputsGoIntoMemoryOfTheCallers) {
  const auto e = engine(kDoubled);
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

TEST_F(OnnxRuntimePluginTest, AnOutputWhoseShapeDependsOnValuesIsRightEachTime) {
  const auto e = engine("graph g (f32[4] x) -> (y) { i64[1,n] y = NonZero@13(x) }");
  ASSERT_TRUE(e);
  const auto indices = [&](const std::vector<float>& x) {
    const auto outputs = e->run(std::vector<Tensor>{Tensor::of<float>({4}, x)});
    EXPECT_TRUE(outputs.ok()) << outputs.error().to_string();
    if (!outputs.ok()) return std::vector<int64_t>{};
    const auto values = outputs->at(0).values<int64_t>();
    return std::vector<int64_t>(values.begin(), values.end());
  };
  EXPECT_THAT(indices({1, 0, 0, 1}), ElementsAre(0, 3));
  EXPECT_THAT(indices({1, 0, 0, 1}), ElementsAre(0, 3));
  EXPECT_THAT(indices({1, 1, 1, 1}), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(indices({0, 0, 0, 0}), ElementsAre());
}

TEST_F(OnnxRuntimePluginTest, ElementTypesArePassedOn) {
  const auto e = engine(
      "graph g (f32[2] x, bool[2] b) -> (h, d, i, u, l, c) { h = Cast@13(x) {to=10}  d = Cast@13(x) {to=11}  "
      "i = Cast@13(x) {to=3}  u = Cast@13(x) {to=2}  l = Cast@13(x) {to=7}  c = Not@13(b) }");
  ASSERT_TRUE(e);
  const Tensor b = *Tensor::allocate(DType::boolean, {2});
  const auto outputs = e->run(std::vector<Tensor>{Tensor::of<float>({2}, {1, 7}), b});
  ASSERT_TRUE(outputs.ok()) << outputs.error().to_string();
  std::vector<DType> types;
  for (const Tensor& t : *outputs) types.push_back(t.dtype());
  EXPECT_THAT(types, ElementsAre(DType::f16, DType::f64, DType::i8, DType::u8, DType::i64, DType::boolean));
  EXPECT_THAT(outputs->at(1).values<double>(), ElementsAre(1, 7));
  EXPECT_THAT(outputs->at(4).values<int64_t>(), ElementsAre(1, 7));
}

TEST_F(OnnxRuntimePluginTest, WeightsInASecondFileAreFound) {
  const auto path = write("graph g (f32[1] x) -> (y) { w = constant f32[64] random(7)  y = Mul@13(x, w) }", 16);
  ASSERT_TRUE(std::filesystem::exists(folder_ / "model.onnx.data"));
  const auto e = backend_->compile({path, nullptr}, "cpu", options_);
  ASSERT_TRUE(e.ok()) << e.error().to_string();
  EXPECT_EQ(run(**e, Tensor::of<float>({1}, {1})).size(), 64u);
}

TEST_F(OnnxRuntimePluginTest, OptionsReachTheSessionAndAreReadBack) {
  options_.options["session.intra_op.allow_spinning"] = "0";
  options_.options["graph_optimization_level"] = "basic";
  const auto e = engine(kDoubled);
  ASSERT_TRUE(e);
  const std::vector<Fact> facts = e->facts();
  const auto fact = [](const char* name, const char* value) {
    return testing::AllOf(Field(&Fact::name, name), Field(&Fact::value, value));
  };
  EXPECT_THAT(facts, Contains(fact("session.intra_op.allow_spinning", "0")));
  EXPECT_THAT(facts, Contains(fact("graph_optimization_level", "basic")));
  EXPECT_THAT(facts, Contains(fact("intra_op_num_threads", "1")));
  EXPECT_THAT(facts, Contains(fact("provider", "CPUExecutionProvider")));
}

TEST_F(OnnxRuntimePluginTest, AFixedDimensionIsTheEngines) {
  options_.options["free_dimension_override"] = "batch:3";
  const auto e = engine(kDoubled);
  ASSERT_TRUE(e);
  EXPECT_EQ(e->inputs()[0].type.shape->at(0).value, 3);
}

TEST_F(OnnxRuntimePluginTest, AnOptionThatNobodyKnowsIsRefusedWithThoseThatThereAre) {
  const auto refusal = [&](const char* name, const char* value) {
    options_.options = options_.options.contains("library")
                           ? std::map<std::string, std::string>{{"library", options_.options["library"]}}
                           : std::map<std::string, std::string>{};
    options_.options[name] = value;
    const auto result = compile(kDoubled);
    EXPECT_FALSE(result.ok()) << name;
    if (result.ok()) return std::string();
    EXPECT_EQ(result.error().code, ErrorCode::invalid_argument);
    return result.error().to_string();
  };
  EXPECT_THAT(refusal("trt_fp16_enable", "1"), HasSubstr("graph_optimization_level"));
  EXPECT_THAT(refusal("session.intra_op.allow_spining", "0"), HasSubstr("knows no config entry"));
  EXPECT_THAT(refusal("graph_optimization_level", "much"), HasSubstr("disable, basic, extended or all"));
  EXPECT_THAT(refusal("intra_op_num_threads", "two"), HasSubstr("a number"));
}

TEST_F(OnnxRuntimePluginTest, ALibraryThatIsNotThereIsNamed) {
  options_.options["library"] = folder_.string();
  const auto library = backend_->probe("cpu", options_);
  ASSERT_FALSE(library.ok());
  EXPECT_EQ(library.error().code, ErrorCode::unavailable);
  EXPECT_THAT(library.error().to_string(), HasSubstr(folder_.string()));
  std::ofstream(folder_ / "libonnxruntime.so") << "not a library";
  EXPECT_THAT(backend_->probe("cpu", options_).error().to_string(), HasSubstr("cannot be loaded"));
}

TEST_F(OnnxRuntimePluginTest, AProviderThatTheLibraryLacksIsAnErrorAndNoRunOnTheCpu) {
  for (const char* device : {"cuda", "tensorrt", "openvino"}) {
    const auto library = backend_->probe(device, options_);
    if (library.ok()) continue;  // this machine has one
    EXPECT_EQ(library.error().code, ErrorCode::unavailable) << device;
    EXPECT_FALSE(library.error().fix.empty()) << device;
    const auto engine = backend_->compile({write(kDoubled), nullptr}, device, options_);
    ASSERT_FALSE(engine.ok()) << device;
    EXPECT_EQ(engine.error().code, ErrorCode::unavailable) << device;
  }
}

TEST_F(OnnxRuntimePluginTest, PrecisionsAreThoseOfTheModelsTypes) {
  options_.precision = Precision::int8;
  const auto refused = compile(kDoubled);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
  const auto quantized = compile(
      "graph g (f32[2] x) -> (y) { s = constant f32[] {0.5}  z = constant u8[] {128}  q = QuantizeLinear@13(x, s, z)  "
      "y = DequantizeLinear@13(q, s, z) }");
  EXPECT_TRUE(quantized.ok()) << quantized.error().to_string();
  options_.precision = Precision::fp16;
  EXPECT_FALSE(compile(kDoubled).ok());
  EXPECT_TRUE(compile("graph g (f16[2] x) -> (y) { w = constant f16[2] fill(0.5)  y = Mul@13(x, w) }").ok());
}

TEST_F(OnnxRuntimePluginTest, TheCacheServesTheSameModelAndNoOther) {
  options_.cache = folder_ / "cache";
  const auto cache_fact = [](const Engine& e) {
    for (const Fact& fact : e.facts())
      if (fact.name == "cache") return fact.value;
    return std::string();
  };
  const auto first = engine(kDoubled), second = engine(kDoubled);
  ASSERT_TRUE(first && second);
  EXPECT_THAT(cache_fact(*first), HasSubstr("wrote the optimised graph"));
  EXPECT_THAT(cache_fact(*second), testing::StartsWith("the optimised graph of"));
  EXPECT_THAT(run(*second, Tensor::of<float>({1, 2}, {1, 2})), ElementsAre(2, 4));
  const auto other =
      engine("graph g (f32[batch,2] x) -> (y) { two = constant f32[1] {3}  f32[batch,2] y = Mul@13(x, two) }");
  ASSERT_TRUE(other);
  EXPECT_THAT(run(*other, Tensor::of<float>({1, 2}, {1, 2})), ElementsAre(3, 6));
  // A file that is damaged is dropped and made again.
  for (const auto& entry : std::filesystem::recursive_directory_iterator(options_.cache))
    if (entry.is_regular_file()) std::ofstream(entry.path()) << "damaged";
  const auto again = engine(kDoubled);
  ASSERT_TRUE(again);
  EXPECT_THAT(cache_fact(*again), HasSubstr("wrote the optimised graph"));
  EXPECT_THAT(run(*again, Tensor::of<float>({1, 2}, {1, 2})), ElementsAre(2, 4));
}

TEST_F(OnnxRuntimePluginTest, AFileThatIsNoModelIsAnInvalidModel) {
  std::ofstream(folder_ / "text.onnx") << "not a model";
  const auto text = backend_->compile({folder_ / "text.onnx", nullptr}, "cpu", options_);
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().code, ErrorCode::invalid_model);
  const auto missing = backend_->compile({folder_ / "missing.onnx", nullptr}, "cpu", options_);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace fovea::backends
