// First convolutions that read the bytes of a photo, beside the reference kernels of the graph as it stands.
#include <cmath>
#include <cstring>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cpu/engine.h"
#include "graph/text.h"

namespace fovea::cpu {
namespace {

Tensor photo(const Shape& shape) {
  Tensor t = *Tensor::allocate(DType::u8, shape);
  uint32_t seed = 5;
  for (int64_t i = 0; i < t.size(); ++i) {
    seed = seed * 1664525u + 1013904223u;
    t.mutable_view().as<uint8_t>()[i] = static_cast<uint8_t>(seed >> 24);
  }
  return t;
}

struct Case {
  Shape photo;  // NHWC
  std::string conv;
  std::string weight;
};
const Case kCases[] = {
    {{1, 37, 43, 3}, "{pads=[3, 3, 3, 3], strides=[2, 2]}", "f32[24,3,7,7]"},
    {{3, 20, 31, 3}, "{pads=[1, 1, 1, 1], strides=[1, 1]}", "f32[40,3,3,3]"},
    {{2, 48, 32, 3}, "{strides=[16, 16]}", "f32[32,3,16,16]"},
    {{1, 29, 33, 1}, "{pads=[0, 2, 1, 1], strides=[2, 3]}", "f32[8,1,5,4]"},
    {{1, 19, 17, 4}, "{pads=[1, 1, 1, 1], strides=[2, 2]}", "f32[16,4,3,3]"},
    // Without padding, where other kernels read an image of floats as it lies.
    {{2, 23, 25, 3}, "{strides=[2, 2]}", "f32[16,3,3,3]"},
    {{1, 14, 19, 3}, "{strides=[1, 1]}", "f32[8,3,1,3]"},
    {{1, 14, 19, 2}, "{strides=[1, 1]}", "f32[8,2,5,2]"},
};

std::string network(const Case& c, bool quantised) {
  const int64_t channels = c.photo[3];
  std::string mean, deviation;
  for (int64_t i = 0; i < channels; ++i) {
    mean += fmt::format("{}{}", i ? ", " : "", 100 + 7 * i);
    deviation += fmt::format("{}{}", i ? ", " : "", 50 + 3 * i);
  }
  const std::string chain = fmt::format(R"(
    m = constant f32[{0}] {{{1}}}  d = constant f32[{0}] {{{2}}}  b = constant f32[{3}] random(4)
    f = Cast@13(photo) {{to=1}}  s = Sub@14(f, m)  n = Div@14(s, d)  t = Transpose@13(n) {{perm=[0, 3, 1, 2]}}
)",
                                        channels, mean, deviation, c.weight.substr(4, c.weight.find(',') - 4));
  const std::string head = fmt::format("graph (u8[{}] photo) -> (y) {{", fmt::join(c.photo, ","));
  if (!quantised)
    return fmt::format("{}{} w = constant {} random(3) v = Conv@11(t, w, b) {}  y = Relu@14(v) }}", head, chain,
                       c.weight, c.conv);
  return fmt::format(R"({}{}
    qs = constant f32[] {{0.02}}  z = constant u8[] {{101}}  ws = constant f32[] {{0.01}}  w = constant i8{} random(3)
    ys = constant f32[] {{0.1}}  yz = constant u8[] {{7}}
    q = QuantizeLinear@13(t, qs, z)  x = DequantizeLinear@13(q, qs, z)  e = DequantizeLinear@13(w, ws)
    v = Conv@11(x, e) {}  u = QuantizeLinear@13(v, ys, yz)  y = DequantizeLinear@13(u, ys, yz) }})",
                     head, chain, c.weight.substr(3), c.conv);
}

/// What the network answers, and the kernels that ran.
Tensor answer(const std::string& text, const Tensor& x, const EngineOptions& options, std::string* kernels = nullptr) {
  auto graph = parse_graph(text);
  EXPECT_TRUE(graph.ok()) << graph.error().to_string() << "\n" << text;
  if (!graph.ok()) return {};
  const auto engine = Engine::compile(std::make_shared<const Graph>(std::move(graph).value()), options);
  EXPECT_TRUE(engine.ok()) << engine.error().to_string();
  std::vector<StepProfile> profile;
  const auto y = (*engine)->run(std::vector<Tensor>{x}, &profile);
  EXPECT_TRUE(y.ok()) << y.error().to_string();
  for (const StepProfile& step : profile)
    if (kernels) *kernels += step.kernel + " ";
  return y.ok() ? (*y)[0] : Tensor();
}

/// The relative L2 distance of the fast answer from the reference kernels', on one to three threads.
double distance(const std::string& text, const Tensor& x, Precision precision) {
  const Tensor want = answer(text, x, {.fast_kernels = false});
  double worst = 0;
  for (const int threads : {1, 2, 3}) {
    std::string kernels;
    const Tensor got = answer(text, x, {.threads = threads, .precision = precision}, &kernels);
    EXPECT_THAT(kernels, testing::StartsWith("conv_"));
    EXPECT_THAT(kernels, testing::Not(testing::AnyOf(testing::HasSubstr("reference"), testing::HasSubstr("binary"))));
    if (got.type() != want.type()) return 1e9;
    double wrong = 0, size = 0;
    for (int64_t i = 0; i < want.size(); ++i) {
      const double a = want.data<float>()[i], b = got.data<float>()[i];
      wrong += (a - b) * (a - b);
      size += a * a;
    }
    worst = std::max(worst, std::sqrt(wrong / size));
  }
  return worst;
}

TEST(Pixels, InFp32) {
  for (const Case& c : kCases)
    EXPECT_LT(distance(network(c, false), photo(c.photo), Precision::fp32), 1e-6) << c.weight;
}

TEST(Pixels, InBf16) {
  // Operands are rounded to 8 bits, as bf16_test.cc explains.
  for (const Case& c : kCases)
    EXPECT_LT(distance(network(c, false), photo(c.photo), Precision::bf16), 4e-3) << c.weight;
}

TEST(Pixels, InInt8) {
  // A sum that falls between two levels may take the other one (ops/fovea_q_epilogue.h): by a level, and rarely.
  for (const Case& c : kCases) {
    const std::string text = network(c, true);
    const Tensor x = photo(c.photo), want = answer(text, x, {.fast_kernels = false});
    for (const int threads : {1, 2}) {
      std::string kernels;
      const Tensor got = answer(text, x, {.threads = threads}, &kernels);
      EXPECT_THAT(kernels, testing::StartsWith("conv_"));
      ASSERT_EQ(got.type(), want.type());
      int64_t other = 0;
      for (int64_t i = 0; i < want.size(); ++i) {
        const float wrong = std::fabs(want.data<float>()[i] - got.data<float>()[i]);
        EXPECT_LT(wrong, 0.1001f);
        other += wrong > 0.01f ? 1 : 0;
      }
      EXPECT_LE(other, 2 + want.size() / 500) << c.weight;
    }
  }
}

/// The photo as a model that knows nothing of bytes takes it.
Tensor as_floats(const Tensor& bytes, const Tensor& table, bool channels_first) {
  const Shape& s = bytes.shape();
  Tensor t = *Tensor::allocate(DType::f32, channels_first ? Shape{s[0], s[3], s[1], s[2]} : s);
  const int64_t plane = s[1] * s[2];
  for (int64_t n = 0; n < s[0]; ++n)
    for (int64_t p = 0; p < plane; ++p)
      for (int64_t c = 0; c < s[3]; ++c)
        t.mutable_view().as<float>()[channels_first ? (n * s[3] + c) * plane + p : (n * plane + p) * s[3] + c] =
            table.data<float>()[256 * c + bytes.data<uint8_t>()[(n * plane + p) * s[3] + c]];
  return t;
}

TEST(Pixels, PhotosMayComeAsBytesWhereTheModelTakesFloats) {
  Tensor table = *Tensor::allocate(DType::f32, {3, 256});
  for (int64_t i = 0; i < table.size(); ++i)
    table.mutable_view().as<float>()[i] = static_cast<float>(i % 256 - 90 - i / 25) / 57.0f;
  const char* const models[] = {
      // First layers that look bytes up, and one that cannot.
      R"(graph (f32[n,3,h,w] image) -> (y) { w = constant f32[8,3,3,3] random(1)
           c = Conv@11(image, w) {pads=[1, 1, 1, 1], strides=[2, 2]}  y = Relu@14(c) })",
      R"(graph (f32[n,3,h,w] image) -> (y) { w = constant f32[8,3,3,3] random(1)  m = constant f32[3,1,1] {1, 2, 3}
           k = constant f32[] {0.5}  s = Sub@14(image, m)  d = Mul@14(s, k)
           c = Conv@11(d, w) {pads=[1, 1, 1, 1], strides=[2, 2]}  y = Relu@14(c) })",
      R"(graph (f32[n,3,h,w] image) -> (y) { w = constant f32[8,3,1,1] random(1)  y = Conv@11(image, w) })",
      R"(graph (f32[n,h,w,3] image) -> (y) { w = constant f32[8,3,2,2] random(1)
           t = Transpose@13(image) {perm=[0, 3, 1, 2]}  y = Conv@11(t, w) {strides=[2, 2]} })",
  };
  const Tensor bytes = photo({2, 17, 22, 3});
  for (const std::string text : models) {
    const bool channels_first = text.find("h,w,3") == std::string::npos;
    for (const Precision precision : {Precision::fp32, Precision::bf16}) {
      const auto graph = std::make_shared<const Graph>(*parse_graph(text));
      const auto engine = *Engine::compile(graph, {.threads = 2, .precision = precision});
      const std::vector<Tensor> photos{bytes}, floats{as_floats(bytes, table, channels_first)};
      EXPECT_FALSE(engine->run(photos).ok());
      ASSERT_TRUE(engine->accept_bytes(table, channels_first)) << text;
      const auto a = engine->run(photos), b = engine->run(floats);
      ASSERT_TRUE(a.ok() && b.ok()) << text;
      ASSERT_EQ((*a)[0].type(), (*b)[0].type());
      EXPECT_EQ(std::memcmp((*a)[0].raw(), (*b)[0].raw(), (*a)[0].bytes()), 0) << text;
      for (const Engine::PlanSummary& plan : engine->plans())
        EXPECT_THAT(plan.kernels, testing::Not(testing::Contains("reference"))) << text;
      EXPECT_FALSE(engine->run(std::vector<Tensor>{photo({2, 3, 17, 22})}).ok());
    }
  }
}

TEST(Pixels, WhatIsNoImageOfThatKindTakesNoBytes) {
  const Tensor table = *Tensor::allocate(DType::f32, {3, 256});
  for (const char* text :
       {"graph (f32[n,4,h,w] x) -> (y) { y = Relu@14(x) }", "graph (u8[n,3,h,w] x) -> (y) { y = Cast@13(x) {to=1} }",
        "graph (f32[n,3] x) -> (y) { y = Relu@14(x) }",
        "graph (f32[n,3,h,w] x, f32[1] z) -> (y) { y = Add@14(x, z) }"}) {
    const auto engine = *Engine::compile(std::make_shared<const Graph>(*parse_graph(text)));
    EXPECT_FALSE(engine->accept_bytes(table, true)) << text;
  }
}

TEST(Pixels, ABatchOfPhotosRunsImageByImageAsFloatsDo) {
  Tensor table = *Tensor::allocate(DType::f32, {3, 256});
  for (int64_t i = 0; i < table.size(); ++i)
    table.mutable_view().as<float>()[i] = static_cast<float>(i % 256 - 90 - i / 25) / 57.0f;
  const auto engine = *Engine::compile(std::make_shared<const Graph>(*parse_graph(
                                           R"(graph (f32[n,3,h,w] image) -> (y) { w = constant f32[8,3,3,3] random(1)
           v = constant f32[8,8,3,3] random(2)  c = Conv@11(image, w) {pads=[1, 1, 1, 1], strides=[2, 2]}
           r = Relu@14(c)  y = Conv@11(r, v) })")),
                                       {.threads = 2});
  ASSERT_TRUE(engine->accept_bytes(table, true));
  // What lies between the steps does not grow with a batch that runs so.
  const auto arena = [&](int64_t images) {
    const Tensor bytes = photo({images, 24, 22, 3});
    const auto a = engine->run(std::vector<Tensor>{bytes});
    const int64_t taken = engine->plans().front().arena_bytes;
    const auto b = engine->run(std::vector<Tensor>{as_floats(bytes, table, true)});
    const bool same = a.ok() && b.ok() && std::memcmp((*a)[0].raw(), (*b)[0].raw(), (*a)[0].bytes()) == 0;
    EXPECT_TRUE(same) << images;
    return taken;
  };
  EXPECT_EQ(arena(2), arena(8));
}

TEST(Pixels, AnotherTableIsRefused) {
  const auto engine =
      *Engine::compile(std::make_shared<const Graph>(*parse_graph("graph (f32[n,3,h,w] x) -> (y) { y = Relu@14(x) }")));
  const Tensor table = *Tensor::allocate(DType::f32, {3, 256});
  Tensor other = *Tensor::allocate(DType::f32, {3, 256});
  EXPECT_TRUE(engine->accept_bytes(table, true));
  EXPECT_TRUE(engine->accept_bytes(other, true));
  EXPECT_FALSE(engine->accept_bytes(table, false));
  other.mutable_view().as<float>()[7] = 1;
  EXPECT_FALSE(engine->accept_bytes(other, true));
}

}  // namespace
}  // namespace fovea::cpu
