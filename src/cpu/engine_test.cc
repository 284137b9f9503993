#include "cpu/engine.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/text.h"

namespace fovea::cpu {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Engine> compiled(std::string_view text, const EngineOptions& options = {}) {
  auto graph = parse_graph(text);
  EXPECT_TRUE(graph.ok()) << graph.error().to_string();
  auto engine = Engine::compile(std::make_shared<const Graph>(std::move(graph).value()), options);
  EXPECT_TRUE(engine.ok()) << engine.error().to_string();
  return std::move(engine).value();
}

Tensor random_tensor(const Shape& shape, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Tensor t = *Tensor::allocate(DType::f32, shape);
  for (int64_t i = 0; i < t.size(); ++i) t.mutable_view().as<float>()[i] = normal(random);
  return t;
}

void expect_near(const Tensor& a, const Tensor& b, double tolerance = 2e-5) {
  ASSERT_EQ(a.type(), b.type());
  if (a.dtype() != DType::f32) {
    EXPECT_EQ(std::memcmp(a.raw(), b.raw(), a.bytes()), 0);
    return;
  }
  for (int64_t i = 0; i < a.size(); ++i)
    ASSERT_NEAR(a.data<float>()[i], b.data<float>()[i], tolerance * (1 + std::fabs(b.data<float>()[i]))) << "at " << i;
}

/// The fast engine, on several numbers of threads, gives what the reference kernels give.
void expect_as_oracle(std::string_view text, const std::vector<Tensor>& inputs) {
  EngineOptions plain;
  plain.fast_kernels = false;
  const auto expected = compiled(text, plain)->run(inputs);
  ASSERT_TRUE(expected.ok()) << expected.error().to_string();
  for (int threads : {1, 2, 3}) {
    EngineOptions options;
    options.threads = threads;
    const auto engine = compiled(text, options);
    for (int round = 0; round < 2; ++round) {  // the second run binds only what moved
      const auto got = engine->run(inputs);
      ASSERT_TRUE(got.ok()) << got.error().to_string();
      ASSERT_EQ(got->size(), expected->size());
      for (size_t i = 0; i < got->size(); ++i) expect_near((*got)[i], (*expected)[i]);
    }
  }
}

TEST(Engine, InvertedBottlenecksMatchTheReferenceKernels) {
  for (int kernel : {3, 5})
    for (int stride : {1, 2})
      for (int pad : {0, 2}) {
        const std::string text = fmt::format(R"(graph (f32[n,5,h,w] x) -> (y) {{
          w1 = constant f32[72,5,1,1] random(1)  b1 = constant f32[72] random(2)
          w2 = constant f32[72,1,{0},{0}] random(3)  b2 = constant f32[72] random(4)
          e = Conv@11(x, w1, b1)
          r = HardSwish@14(e)
          d = Conv@11(r, w2, b2) {{group=72, strides=[{1}, {1}], pads=[{2}, {2}, {2}, {2}]}}
          y = Relu@14(d)
        }})",
                                             kernel, stride, pad);
        expect_as_oracle(text, {random_tensor({2, 5, 83, 61}, 1)});
      }
}

TEST(Engine, SqueezeAndExciteOverLargeMapsMatchesTheReferenceKernels) {
  expect_as_oracle(R"(graph (f32[n,40,h,w] x) -> (y) {
    w1 = constant f32[16,40,1,1] random(1)  w2 = constant f32[40,16,1,1] random(2)  axes = constant i64[2] {2, 3}
    m = ReduceMean@18(x, axes)
    s = Conv@11(m, w1)
    r = Relu@14(s)
    e = Conv@11(r, w2)
    g = Sigmoid@13(e)
    y = Mul@14(x, g)
  })",
                   {random_tensor({1, 40, 27, 31}, 1)});
}

TEST(Engine, AConvolutionalNetworkMatchesTheReferenceKernels) {
  expect_as_oracle(R"(graph (f32[n,3,h,w] x) -> (y) {
    w1 = constant f32[16,3,7,7] random(1)  b1 = constant f32[16] random(2)
    s = constant f32[16] random(3)  t = constant f32[16] random(4)  m = constant f32[16] random(5)
    v = constant f32[16] fill(0.7)
    w2 = constant f32[16,1,3,3] random(6)  w3 = constant f32[24,16,1,1] random(7)  w4 = constant f32[24,6,3,3] random(8)
    w5 = constant f32[24,24,3,3] random(9)  axes = constant i64[2] {2, 3}
    wl = constant f32[10,24] random(10)  bl = constant f32[10] random(11)
    c1 = Conv@11(x, w1, b1) {pads=[3, 3, 3, 3], strides=[2, 2]}
    n1 = BatchNormalization@15(c1, s, t, m, v)
    r1 = Relu@14(n1)
    p1 = MaxPool@12(r1) {kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]}
    c2 = Conv@11(p1, w2) {group=16, pads=[1, 1, 1, 1]}
    r2 = HardSwish@14(c2)
    c3 = Conv@11(r2, w3)
    c4 = Conv@11(c3, w4) {group=4, pads=[1, 1, 1, 1]}
    a4 = Add@14(c4, c3)
    r4 = Relu@14(a4)
    c5 = Conv@11(r4, w5) {dilations=[2, 2], pads=[2, 2, 2, 2]}
    p5 = AveragePool@19(c5) {ceil_mode=1, kernel_shape=[2, 2], strides=[2, 2]}
    g = ReduceMean@18(p5, axes) {keepdims=0}
    y = Gemm@13(g, wl, bl) {transB=1}
  })",
                   {random_tensor({2, 3, 33, 29}, 1)});
}

TEST(Engine, AttentionMatchesTheReferenceKernels) {
  expect_as_oracle(R"(graph (f32[n,t,24] x) -> (y) {
    s = constant f32[24] random(1)  b = constant f32[24] random(2)  wq = constant f32[24,72] random(3)
    bq = constant f32[72] random(4)  shape = constant i64[5] {0, 0, 3, 2, 12}  back = constant i64[3] {0, 0, 24}
    zero = constant i64[] {0}  one = constant i64[] {1}  two = constant i64[] {2}  scale = constant f32[] {0.2886751}
    wo = constant f32[24,24] random(5)
    l = LayerNormalization@17(x, s, b)
    m = MatMul@13(l, wq)
    q3 = Add@14(m, bq)
    r = Reshape@14(q3, shape)
    h = Transpose@13(r) {perm=[2, 0, 3, 1, 4]}
    q = Gather@13(h, zero)  k = Gather@13(h, one)  v = Gather@13(h, two)
    kt = Transpose@13(k) {perm=[0, 1, 3, 2]}
    qk = MatMul@13(q, kt)
    sc = Mul@14(qk, scale)
    p = Softmax@13(sc) {axis=-1}
    o = MatMul@13(p, v)
    ot = Transpose@13(o) {perm=[0, 2, 1, 3]}
    of = Reshape@14(ot, back)
    z = MatMul@13(of, wo)
    a = Add@14(z, x)
    g = Sigmoid@13(a)
    y = Mul@14(a, g)
  })",
                   {random_tensor({2, 37, 24}, 1)});
}

TEST(Engine, ElementwiseAndMovingOperatorsMatchTheReferenceKernels) {
  expect_as_oracle(R"(graph (f32[2,3,4,5] x, f32[4,1] c, f32[3,1,5] d) -> (a, b, e, f, g, h, i, j, k) {
    starts = constant i64[2] {3, -1}  ends = constant i64[2] {0, -9}  axes = constant i64[2] {2, 3}
    steps = constant i64[2] {-1, -2}  shape = constant i64[4] {6, 1, 4, 5}  expanded = constant i64[4] {2, 3, 4, 5}
    low = constant f32[] {-0.5}  high = constant f32[] {0.5}
    a0 = Add@14(x, c)  a = Div@14(a0, d)
    b = Slice@13(x, starts, ends, axes, steps)
    e, e1 = Split@18(x) {axis=3, num_outputs=2}
    f = Concat@13(x, e1) {axis=3}  k = Concat@13(b, b, b) {axis=-2}
    g0 = Expand@13(d, expanded)  g = Sub@14(c, g0)
    h = Clip@13(x, low, high)
    i = Transpose@13(x) {perm=[3, 1, 0, 2]}
    j0 = Gelu@20(x)  j = Max@13(j0, c)
  })",
                   {random_tensor({2, 3, 4, 5}, 1), random_tensor({4, 1}, 2), random_tensor({3, 1, 5}, 3)});
}

TEST(Engine, AResidualThatIsTheInputTooIsNotOverwritten) {
  expect_as_oracle(R"(graph (f32[1,8,9,9] x) -> (y) {
    w = constant f32[8,8,3,3] random(1)
    a = Relu@14(x)
    c = Conv@11(a, w) {pads=[1, 1, 1, 1]}
    s = Add@14(c, a)
    y = Relu@14(s)
    })",
                   {random_tensor({1, 8, 9, 9}, 1)});
}

TEST(Engine, OutputsMayBeInputsConstantsViewsAndRepeated) {
  expect_as_oracle(R"(graph (f32[2,6] x) -> (x, k, v, y, y, r) {
    k = constant f32[3] {1, 2, 3}  shape = constant i64[2] {3, 4}
    v = Reshape@14(x, shape)
    y = Relu@14(x)
    r = Reshape@14(y, shape)
  })",
                   {random_tensor({2, 6}, 1)});
}

TEST(Engine, ShapesThatDependOnDataArePlannedWhenTheyAreKnown) {
  expect_as_oracle(R"(graph (f32[n] x, f32[4,2] z) -> (y, s, r) {
    zero = constant f32[] {0}  w = constant f32[2,3] random(1)
    r = MatMul@13(z, w)
    big = Greater@13(x, zero)
    i = NonZero@13(big)
    t = Transpose@13(i) {perm=[1, 0]}
    y = GatherND@13(x, t)
    k = Shape@15(y)
    s0 = Relu@14(y)
    axes = constant i64[1] {0}
    s1 = ReduceSum@13(s0, axes) {keepdims=1}
    s = Mul@14(s1, s0)
  })",
                   {random_tensor({9}, 3), random_tensor({4, 2}, 4)});
}

TEST(Engine, AnIfThatDataDecidesRuns) {
  constexpr std::string_view kText = R"(graph (f32[3] x, bool[] c) -> (y) {
    a = Relu@14(x)
    b = If@16(c) {
      then_branch=graph [a]() -> (z) { z = Add@14(a, a) },
      else_branch=graph [x]() -> (z) { z = Neg@13(x) }
    }
    y = Add@14(b, x)
  })";
  const Tensor x = Tensor::of<float>({3}, {1, -2, 3});
  const auto engine = compiled(kText);
  const auto yes = engine->run(std::vector<Tensor>{x, Tensor::scalar(true)});
  const auto no = engine->run(std::vector<Tensor>{x, Tensor::scalar(false)});
  ASSERT_TRUE(yes.ok() && no.ok());
  EXPECT_THAT((*yes)[0].values<float>(), testing::ElementsAre(3, -2, 9));
  EXPECT_THAT((*no)[0].values<float>(), testing::ElementsAre(0, 0, 0));
}

TEST(Engine, KeepsAPlanForEachSetOfShapesAndForgetsTheOldest) {
  EngineOptions options;
  options.max_plans = 2;
  const auto engine = compiled(R"(graph (f32[n,4] x) -> (y) {
    w = constant f32[4,3] random(1)
    y = MatMul@13(x, w)
  })",
                               options);
  for (int64_t n : {1, 2, 3, 1, 2, 3}) {
    const auto y = engine->run(std::vector<Tensor>{random_tensor({n, 4}, 1)});
    ASSERT_TRUE(y.ok());
    EXPECT_EQ((*y)[0].shape(), (Shape{n, 3}));
  }
}

TEST(Engine, InputsThatDoNotFitAreNamed) {
  const auto engine = compiled(R"(graph (f32[n,4] pixels) -> (y) { y = Relu@14(pixels) })");
  const auto wrong_extent = engine->run(std::vector<Tensor>{random_tensor({2, 5}, 1)});
  ASSERT_FALSE(wrong_extent.ok());
  EXPECT_EQ(wrong_extent.error().code, ErrorCode::invalid_argument);
  EXPECT_THAT(wrong_extent.error().to_string(), HasSubstr("\"pixels\""));
  EXPECT_FALSE(engine->run(std::vector<Tensor>{Tensor::of<int64_t>({1, 4}, {1, 2, 3, 4})}).ok());
  EXPECT_FALSE(engine->run(std::vector<Tensor>{}).ok());
}

TEST(Engine, EmptyTensorsPassThrough) {
  expect_as_oracle(R"(graph (f32[n,4] x) -> (y) {
    w = constant f32[4,3] random(1)
    m = MatMul@13(x, w)
    y = Relu@14(m)
  })",
                   {random_tensor({0, 4}, 1)});
}

TEST(Engine, SeveralThreadsMayRunIt) {
  const auto engine = compiled(R"(graph (f32[n,8] x) -> (y) {
    w = constant f32[8,8] random(1)
    a = MatMul@13(x, w)  b = Relu@14(a)  c = MatMul@13(b, w)  y = Softmax@13(c)
  })");
  const Tensor x = random_tensor({5, 8}, 1);
  const Tensor expected = (*engine->run(std::vector<Tensor>{x}))[0];
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        const auto y = engine->run(std::vector<Tensor>{x});
        ASSERT_TRUE(y.ok());
        expect_near((*y)[0], expected);
      }
    });
  for (std::thread& t : callers) t.join();
}

TEST(Engine, AProfileNamesEachStepAndItsKernel) {
  const auto engine = compiled(R"(graph (f32[1,3,8,8] x) -> (y) {
    w = constant f32[4,3,3,3] random(1)
    c = Conv@11(x, w) "stem"
    y = Relu@14(c)
  })");
  std::vector<StepProfile> profile;
  ASSERT_TRUE(engine->run(std::vector<Tensor>{random_tensor({1, 3, 8, 8}, 1)}, &profile).ok());
  const auto conv = std::ranges::find_if(profile, [](const StepProfile& s) { return s.gmac > 0; });
  ASSERT_NE(conv, profile.end());
  EXPECT_THAT(conv->node, HasSubstr("\"stem\""));
  EXPECT_THAT(conv->kernel, HasSubstr("gemm"));
  EXPECT_NEAR(conv->gmac, 36 * 4 * 27e-9, 1e-12);
}

TEST(Engine, AnOperatorThatIsNotThereIsRefusedAtCompile) {
  auto graph = parse_graph(R"(graph (f32[2] x) -> (y) { y = Frobnicate@13(x) "odd" })");
  ASSERT_TRUE(graph.ok());
  const auto engine = Engine::compile(std::make_shared<const Graph>(std::move(graph).value()));
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(engine.error().code, ErrorCode::unsupported);
  EXPECT_THAT(engine.error().to_string(), HasSubstr("odd"));
}

constexpr std::string_view kSmallNetwork = R"(graph (f32[n,3,h,w] x) -> (y, z) {
  w = constant f32[16,3,3,3] random(1)  v = constant f32[16,10] random(2)  axes = constant i64[2] {2, 3}
  a = Conv@11(x, w) {pads=[1, 1, 1, 1]}  z = Relu@14(a)
  m = ReduceMean@18(z, axes) {keepdims=0}
  y = MatMul@13(m, v)
})";

TEST(Engine, ABatchThatThreadsShareGivesTheBitsOfSingleImages) {
  const Tensor all = random_tensor({6, 3, 19, 23}, 1);
  const auto alone = compiled(kSmallNetwork, {.threads = 1});
  const int64_t image = all.size() / 6;
  for (int threads : {1, 2, 3}) {
    const auto engine = compiled(kSmallNetwork, {.threads = threads});
    for (int round = 0; round < 2; ++round) {
      std::vector<StepProfile> profile;
      const auto got = engine->run({{all}}, round > 0 ? &profile : nullptr);
      ASSERT_TRUE(got.ok()) << got.error().to_string();
      ASSERT_EQ((*got)[0].shape(), (Shape{6, 10}));
      ASSERT_EQ((*got)[1].shape(), (Shape{6, 16, 19, 23}));
      EXPECT_EQ(profile.size(), round > 0 ? engine->plans().front().kernels.size() : 0);
      for (int64_t i = 0; i < 6; ++i) {
        const Tensor x = Tensor::wrap(nullptr, all.data<float>() + i * image, DType::f32, {1, 3, 19, 23});
        const auto expected = alone->run({{x}});
        ASSERT_TRUE(expected.ok());
        for (size_t o = 0; o < 2; ++o) {
          const size_t bytes = (*expected)[o].bytes();
          EXPECT_EQ(
              std::memcmp((*got)[o].data<std::byte>() + static_cast<size_t>(i) * bytes, (*expected)[o].raw(), bytes), 0)
              << "output " << o << " of image " << i << " on " << threads << " threads";
        }
      }
    }
    EXPECT_EQ(engine->plans().front().inputs.front().shape, (Shape{6, 3, 19, 23}));
  }
}

TEST(Engine, ABatchGoesIntoMemoryOfTheCallers) {
  const auto engine = compiled(kSmallNetwork, {.threads = 2});
  const Tensor all = random_tensor({4, 3, 8, 8}, 2);
  const auto expected = engine->run({{all}});
  ASSERT_TRUE(expected.ok());
  Tensor y = *Tensor::allocate(DType::f32, {4, 10}), z = *Tensor::allocate(DType::f32, {4, 16, 8, 8});
  const std::vector<MutableView> places{y.mutable_view(), z.mutable_view()};
  ASSERT_TRUE(engine->run_into({{all}}, places).ok());
  expect_near(y, (*expected)[0], 0);
  expect_near(z, (*expected)[1], 0);
  const std::vector<MutableView> small{y.mutable_view(), y.mutable_view()};
  const auto refused = engine->run_into({{all}}, small);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
}

TEST(Engine, AModelThatLooksAcrossTheImagesOfABatchSeesThemAll) {
  expect_as_oracle(R"(graph (f32[n,3,5,5] x) -> (y) {
    w = constant f32[4,3,3,3] random(1)  axes = constant i64[1] {0}
    a = Conv@11(x, w)  m = ReduceMean@18(a, axes)  y = Sub@14(a, m)
  })",
                   {random_tensor({6, 3, 5, 5}, 3)});
}

}  // namespace
}  // namespace fovea::cpu
