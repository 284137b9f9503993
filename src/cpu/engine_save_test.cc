// Engines saved and loaded give the same bits; weights leave the memory and come back when they are needed.
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cpu/engine.h"
#include "graph/text.h"

namespace fovea::cpu {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Convolutions of all kinds of packing, a linear layer, a weight that two nodes share, one that a node reads directly
// beside a packed use, a constant output.
constexpr const char* kNetwork = R"(graph g (f32[batch,3,16,16] image) -> (y, bias, z) {
  stem = constant f32[32,3,3,3] random(1)
  wide = constant f32[32,32,3,3] random(2)
  lines = constant f32[32,1,3,3] random(3)
  point = constant f32[32,32,1,1] random(4)
  weight = constant f32[32,10] random(5)
  bias = constant f32[10] random(6)
  square = constant f32[10,10] random(7)
  axes = constant i64[2] {2, 3}
  a = Conv@21(image, stem) {pads=[1, 1, 1, 1]}
  b = Relu@14(a)
  c = Conv@21(b, wide) {pads=[1, 1, 1, 1]}
  d = Conv@21(c, lines) {pads=[1, 1, 1, 1], group=32}
  e = Conv@21(d, point)
  f = Add@14(e, b)
  h = ReduceMean@18(f, axes) {keepdims=0}
  i = MatMul@13(h, weight)
  y = Add@14(i, bias)
  j = MatMul@13(y, square)
  z = MatMul@13(square, j_column)
  j_shape = constant i64[2] {10, -1}
  j_column = Reshape@21(j, j_shape)
})";

// In order, for the parser.
std::string network() {
  std::string text = kNetwork;
  const std::string late = "  z = MatMul@13(square, j_column)\n";
  text.erase(text.find(late), late.size());
  text.insert(text.rfind('}'), late);
  return text;
}

Graph parsed(std::string_view text) {
  auto graph = parse_graph(text);
  EXPECT_TRUE(graph.ok()) << graph.error().to_string();
  return std::move(graph).value();
}

Tensor random_tensor(const Shape& shape, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Tensor t = *Tensor::allocate(DType::f32, shape);
  for (int64_t i = 0; i < t.size(); ++i) t.mutable_view().as<float>()[i] = normal(random);
  return t;
}

void expect_same(const Result<std::vector<Tensor>>& a, const Result<std::vector<Tensor>>& b) {
  ASSERT_TRUE(a.ok()) << a.error().to_string();
  ASSERT_TRUE(b.ok()) << b.error().to_string();
  ASSERT_EQ(a->size(), b->size());
  for (size_t i = 0; i < a->size(); ++i) {
    ASSERT_EQ((*a)[i].type(), (*b)[i].type());
    EXPECT_EQ(std::memcmp((*a)[i].raw(), (*b)[i].raw(), (*a)[i].bytes()), 0) << "output " << i;
  }
}

class EngineSave : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "fovea-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ / "a.fovea";
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::unique_ptr<Engine> compiled(std::string_view text, const EngineOptions& options = {}) const {
    auto engine = Engine::compile(std::make_shared<const Graph>(parsed(text)), options);
    EXPECT_TRUE(engine.ok()) << engine.error().to_string();
    return std::move(engine).value();
  }
  Result<std::unique_ptr<Engine>> loaded(const EngineOptions& options = {}) const {
    const auto file = EngineFile::open(path_);
    if (!file.ok()) return file.error();
    EXPECT_TRUE((*file)->verify(1).ok());
    return Engine::load(**file, options);
  }

  fs::path folder_, path_;
};

TEST_F(EngineSave, TheLoadedEngineGivesTheSameBits) {
  for (int threads : {1, 2}) {
    EngineOptions options;
    options.threads = threads;
    const auto engine = compiled(network(), options);
    const std::vector<Tensor> one = {random_tensor({1, 3, 16, 16}, 1)}, three = {random_tensor({3, 3, 16, 16}, 2)};
    const auto first = engine->run(one);
    ASSERT_TRUE(engine->save(path_, {{"k", "v"}}).ok());
    const auto alone = loaded(options);
    ASSERT_TRUE(alone.ok()) << alone.error().to_string();
    expect_same((*alone)->run(one), first);
    EXPECT_EQ((*alone)->plans().at(0).kernels, engine->plans().at(0).kernels);

    const auto second = engine->run(three);
    EXPECT_FALSE((*alone)->run(three).ok());  // made for a batch of 1
    ASSERT_TRUE(engine->save(path_, {}).ok());
    const auto both = loaded(options);
    ASSERT_TRUE(both.ok()) << both.error().to_string();
    expect_same((*both)->run(one), first);
    expect_same((*both)->run(three), second);
    EXPECT_THAT((*both)->run(std::vector<Tensor>{random_tensor({2, 3, 16, 16}, 3)}).error().message,
                HasSubstr("f32[1x3x16x16]"));
  }
}

TEST_F(EngineSave, ABatchThatRunsImageByImageComesBack) {
  const EngineOptions options{.threads = 2};
  const auto engine = compiled(R"(graph (f32[n,3,8,8] x) -> (y) {
    w = constant f32[16,3,3,3] random(1)  a = Conv@11(x, w)  y = Relu@14(a)
  })",
                               options);
  const std::vector<Tensor> four = {random_tensor({4, 3, 8, 8}, 1)};
  const auto expected = engine->run(four);
  ASSERT_TRUE(engine->save(path_, {}).ok());
  const auto again = loaded(options);
  ASSERT_TRUE(again.ok()) << again.error().to_string();
  expect_same((*again)->run(four), expected);
  EXPECT_EQ((*again)->plans().at(0).inputs.at(0).shape, (Shape{4, 3, 8, 8}));
  EXPECT_FALSE((*again)->run(std::vector<Tensor>{random_tensor({1, 3, 8, 8}, 1)}).ok());
}

TEST_F(EngineSave, Int8WeightsThatNodesShareComeBackInEachForm) {
  const auto engine = compiled(R"(graph (f32[batch,9,11,8] x, f32[batch,9,11,16] x2) -> (one, two, shifted, depthwise) {
    w = constant i8[16,8,3,3] random(1)  m = constant f32[16] fill(0.0007)
    lines = constant i8[8,1,3,3] random(2)  k = constant f32[8] fill(0.002)
    scale = constant f32[] {0.02}  zero = constant u8[] {117}
    q = QuantizeLinear@21(x, scale, zero)
    q2 = QuantizeLinear@21(x2, scale, zero)
    one = fovea.QConv@1(q, w, m) {group=1, pads=[1, 1, 1, 1], x_zero=117, output="f32"}
    two = fovea.QConv@1(q2, w, m) {group=2, pads=[1, 1, 1, 1], x_zero=117, output="f32"}
    shifted = fovea.QConv@1(q, w, m) {group=1, pads=[1, 1, 1, 1], x_zero=117, w_zero=5, output="f32"}
    depthwise = fovea.QConv@1(q, lines, k) {group=8, pads=[1, 1, 1, 1], x_zero=117, output="f32"}
  })");
  const std::vector<Tensor> one = {random_tensor({1, 9, 11, 8}, 1), random_tensor({1, 9, 11, 16}, 2)};
  const std::vector<Tensor> two = {random_tensor({2, 9, 11, 8}, 3), random_tensor({2, 9, 11, 16}, 4)};
  const auto first = engine->run(one), second = engine->run(two);
  ASSERT_TRUE(engine->save(path_, {}).ok());
  const auto again = loaded();
  ASSERT_TRUE(again.ok()) << again.error().to_string();
  expect_same((*again)->run(one), first);
  expect_same((*again)->run(two), second);
}

TEST_F(EngineSave, ReferenceKernelsNeedNoPacking) {
  EngineOptions options;
  options.fast_kernels = false;
  const auto engine = compiled(network(), options);
  const std::vector<Tensor> inputs = {random_tensor({1, 3, 16, 16}, 1)};
  const auto expected = engine->run(inputs);
  ASSERT_TRUE(engine->save(path_, {}).ok());
  const auto again = loaded(options);
  ASSERT_TRUE(again.ok()) << again.error().to_string();
  expect_same((*again)->run(inputs), expected);
}

TEST_F(EngineSave, AFileWithoutTheWeightsOfItsStepsIsRefused) {
  EngineOptions plain;
  plain.fast_kernels = false;
  const auto engine = compiled(network(), plain);
  ASSERT_TRUE(engine->prepare(std::vector<TensorType>{{DType::f32, {1, 3, 16, 16}}}).ok());
  ASSERT_TRUE(engine->save(path_, {}).ok());
  const auto other = loaded();  // with fast kernels, whose weights are not in it
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::invalid_model);
}

TEST_F(EngineSave, SizesThatDependOnDataAreSaidToBeTheReason) {
  const auto engine = compiled(R"(graph g (f32[4] x) -> (y) { n = NonZero@13(x) y = Transpose@21(n) "turn" })");
  ASSERT_TRUE(engine->run(std::vector<Tensor>{random_tensor({4}, 1)}).ok());
  const auto saved = engine->save(path_, {});
  ASSERT_FALSE(saved.ok());
  EXPECT_EQ(saved.error().code, ErrorCode::unsupported);
  EXPECT_THAT(saved.error().where, HasSubstr("NonZero"));
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(EngineSave, AnEngineWithoutAPlanHasNothingToSave) {
  EXPECT_EQ(compiled(network())->save(path_, {}).error().code, ErrorCode::invalid_argument);
}

TEST_F(EngineSave, WeightsThatWereLetGoComeBackForAnotherSize) {
  const std::vector<Tensor> one = {random_tensor({1, 3, 16, 16}, 1)}, two = {random_tensor({2, 3, 16, 16}, 2)},
                            three = {random_tensor({3, 3, 16, 16}, 3)};
  const auto plain = compiled(network());
  EngineOptions options;
  std::atomic<int> reloads = 0;
  options.reload = [&]() -> Result<Graph> {
    ++reloads;
    return parsed(network());
  };
  const auto engine = compiled(network(), options);
  expect_same(engine->run(one), plain->run(one));
  EXPECT_EQ(reloads, 0);
  expect_same(engine->run(two), plain->run(two));
  expect_same(engine->run(three), plain->run(three));
  EXPECT_EQ(reloads, 1);  // then the graph stays
  expect_same(engine->run(one), plain->run(one));

  // Equal weights are kept once, whatever their plan was made from.
  ASSERT_TRUE(engine->save(path_, {}).ok());
  const auto with_three = fs::file_size(path_);
  EngineOptions again = options;
  reloads = 0;
  const auto from_file = loaded(again);
  ASSERT_TRUE(from_file.ok());
  const std::vector<Tensor> four = {random_tensor({4, 3, 16, 16}, 4)};
  expect_same((*from_file)->run(four), plain->run(four));
  EXPECT_EQ(reloads, 1);
  ASSERT_TRUE((*from_file)->save(path_, {}).ok());
  EXPECT_LT(fs::file_size(path_), with_three + 65536);
}

TEST_F(EngineSave, ThePlanIsMadeAgainWhereReloadingFailed) {
  EngineOptions options;
  options.reload = [] { return Result<Graph>(Error{ErrorCode::io, "gone", {}, {}}); };
  const auto engine = compiled(network(), options);
  const std::vector<Tensor> one = {random_tensor({1, 3, 16, 16}, 1)}, two = {random_tensor({2, 3, 16, 16}, 2)};
  ASSERT_TRUE(engine->run(one).ok());
  EXPECT_EQ(engine->run(two).error().code, ErrorCode::io);
  EXPECT_TRUE(engine->run(one).ok());
}

TEST_F(EngineSave, TheModelOfTheFileHasItsFactsButNotItsWeights) {
  const auto engine = compiled(network());
  ASSERT_TRUE(engine->prepare(std::vector<TensorType>{{DType::f32, {1, 3, 16, 16}}}).ok());
  ASSERT_TRUE(engine->save(path_, {}).ok());
  const auto again = loaded();
  ASSERT_TRUE(again.ok());
  const Graph& model = (*again)->graph();
  EXPECT_EQ(model.order().size(), engine->graph().order().size());
  const auto small = model.find_value("bias"), large = model.find_value("wide");
  ASSERT_TRUE(small && large);
  EXPECT_EQ(std::memcmp(model.constant(*small)->raw(),
                        engine->graph().constant(*engine->graph().find_value("bias"))->raw(), 40),
            0);
  EXPECT_EQ(model.constant(*large)->type(), (TensorType{DType::f32, {32, 32, 3, 3}}));
  EXPECT_EQ(model.constant(*large)->data<float>()[5], 0.0f);
}

}  // namespace
}  // namespace fovea::cpu
