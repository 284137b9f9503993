// The fused operators over bytes, beside ONNX's own where scales are powers of two and nothing is rounded twice.
#include <random>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

template <class T>
Tensor random_bytes(const Shape& shape, unsigned seed) {
  std::mt19937 random(seed);
  Tensor t = *Tensor::allocate(dtype_of<T>, shape);
  for (int64_t i = 0; i < t.size(); ++i) t.mutable_view().as<T>()[i] = static_cast<T>(random());
  return t;
}

std::string text(const char* value) { return value; }

TEST(FoveaQ, AProductIsThatOfQLinearMatMul) {
  const Tensor a = random_bytes<uint8_t>({3, 7}, 1), b = random_bytes<int8_t>({7, 5}, 2);
  const auto f = [](float v) { return Tensor::scalar<float>(v); };
  const auto expected =
      run_node({"QLinearMatMul"}, {a, f(0.5f), Tensor::scalar<uint8_t>(120), b, f(0.25f), Tensor::scalar<int8_t>(-3),
                                   f(64.0f), Tensor::scalar<uint8_t>(99)});
  const Tensor multiplier = Tensor::of<float>({5}, std::vector<float>(5, 0.125f / 64));
  const auto got = run_node({.op_type = "QMatMul",
                             .opset = 1,
                             .attributes = {{"x_zero", int64_t{120}},
                                            {"w_zero", int64_t{-3}},
                                            {"y_zero", int64_t{99}},
                                            {"output", text("u8")}},
                             .domain = "fovea"},
                            {a, b, multiplier});
  EXPECT_EQ(values_of<uint8_t>(got), values_of<uint8_t>(expected));
}

TEST(FoveaQ, WhatFollowsTheSumsIsDoneInTheDocumentedOrder) {
  // Sums 100, 200, -300; each line by hand.
  const Tensor a = Tensor::of<uint8_t>({1, 1}, {100}), b = Tensor::of<int8_t>({1, 3}, {1, 2, -3});
  const Tensor multiplier = Tensor::of<float>({3}, {0.25f, 0.25f, 0.25f}), bias = Tensor::of<int32_t>({3}, {2, 4, 0});
  const Tensor residual = Tensor::of<uint8_t>({1, 3}, {12, 10, 250}), row = Tensor::of<float>({3}, {0.5f, 1, 2});
  // 102 / 4 = 25.5 -> 26, 51, -75 -> levels 36, 61, 0; less 10, times 0.5, plus the row: 13.5, 26.5, -3;
  // as levels of the second stage (zero 3): 14 + 3, 26 + 3, 0; less 3: 14, 26, -3; plus the residual less 10: 16, 26,
  // 237.
  const auto got = run_node({.op_type = "QMatMul",
                             .opset = 1,
                             .attributes = {{"output", text("u8")},
                                            {"row_zero", int64_t{10}},
                                            {"row_scale", 0.5f},
                                            {"inner_zero", int64_t{3}},
                                            {"inner_scale", 1.0f},
                                            {"residual_zero", int64_t{10}},
                                            {"y_zero", int64_t{1}},
                                            {"high", int64_t{200}}},
                             .domain = "fovea"},
                            {a, b, multiplier, bias, Tensor(), residual, row});
  EXPECT_EQ(values_of<uint8_t>(got), (std::vector<uint8_t>{17, 27, 200}));
}

TEST(FoveaQ, SignedResultsMayHaveLevelsForEachColumn) {
  const Tensor a = Tensor::of<uint8_t>({1, 1}, {100}), b = Tensor::of<int8_t>({1, 4}, {1, 2, -3, 1});
  const Tensor multiplier = Tensor::of<float>({4}, {0.25f, 0.25f, 0.25f, 1}), none;
  // Zero points, lower and upper bounds; 25 - 5, 50 + 3 cut at 40, -75 - 100 cut at -128, 100 + 50 cut at 127.
  const Tensor levels = Tensor::of<int32_t>({3, 4}, {-5, 3, -100, 50, -128, -128, -128, -128, 127, 40, 127, 127});
  const auto got =
      run_node({.op_type = "QMatMul", .opset = 1, .attributes = {{"output", text("i8")}}, .domain = "fovea"},
               {a, b, multiplier, none, none, none, none, none, none, none, none, none, levels});
  EXPECT_EQ(values_of<int8_t>(got), (std::vector<int8_t>{20, 40, -128, 127}));
}

TEST(FoveaQ, TablesAndMeans) {
  std::vector<uint8_t> doubled(256);
  for (int i = 0; i < 256; ++i) doubled[static_cast<size_t>(i)] = static_cast<uint8_t>(2 * i);
  const auto looked = run_node({.op_type = "QLookup", .opset = 1, .domain = "fovea"},
                               {Tensor::of<int8_t>({2}, {-128, 1}), Tensor::of<uint8_t>({256}, doubled)});
  EXPECT_EQ(values_of<uint8_t>(looked), (std::vector<uint8_t>{0, 2}));
  // Two pixels of two channels: (10 + 20) / 2 less 5 twice, times 0.5.
  const auto mean = run_node(
      {.op_type = "QMean", .opset = 1, .attributes = {{"x_zero", int64_t{5}}, {"factor", 0.5f}}, .domain = "fovea"},
      {Tensor::of<uint8_t>({1, 1, 2, 2}, {10, 1, 20, 3})});
  EXPECT_EQ(values_of<float>(mean), (std::vector<float>{5, -1.5f}));
  EXPECT_EQ(shape_of(mean), (Shape{1, 1, 1, 2}));
}

TEST(FoveaQ, OperatorsOfOnnxRuntimesDomain) {
  const auto f = [](float v) { return Tensor::scalar<float>(v); };
  const auto z = [](uint8_t v) { return Tensor::scalar<uint8_t>(v); };
  const Tensor a = Tensor::of<uint8_t>({4}, {10, 20, 30, 255});
  // (a - 10) * 0.5 + (a - 20) * 0.25, in steps of 0.5 from 3 on.
  const auto sum = run_node({.op_type = "QLinearAdd", .opset = 1, .domain = "com.microsoft"},
                            {a, f(0.5f), z(10), a, f(0.25f), z(20), f(0.5f), z(3)});
  EXPECT_EQ(values_of<uint8_t>(sum), (std::vector<uint8_t>{0, 13, 28, 255}));
  // Without a scale for the result it is f32; the bias counts in units of both scales.
  const auto gemm =
      run_node({.op_type = "QGemm", .opset = 1, .attributes = {{"transB", int64_t{1}}}, .domain = "com.microsoft"},
               {Tensor::of<uint8_t>({1, 2}, {12, 11}), f(0.5f), z(10), Tensor::of<uint8_t>({1, 2}, {3, 4}), f(2.0f),
                z(2), Tensor::of<int32_t>({1}, {7})});
  EXPECT_EQ(values_of<float>(gemm), (std::vector<float>{11}));
}

TEST(FoveaQ, WhatDoesNotFitIsRefused) {
  const Tensor a = random_bytes<uint8_t>({3, 7}, 1), b = random_bytes<int8_t>({7, 5}, 2);
  const Tensor m = Tensor::of<float>({5}, std::vector<float>(5, 1));
  const auto run = [&](std::map<std::string, Attribute, std::less<>> attributes, const std::vector<Tensor>& inputs) {
    return refusal(run_node({"QMatMul", 1, std::move(attributes), "fovea"}, inputs));
  };
  EXPECT_EQ(run({}, {a, b, m}), std::nullopt);
  EXPECT_EQ(run({}, {a, b}), ErrorCode::invalid_model) << "no multiplier";
  EXPECT_EQ(run({}, {a, b, Tensor::of<float>({1}, {1})}), ErrorCode::invalid_model);
  EXPECT_EQ(run({{"output", text("u7")}}, {a, b, m}), ErrorCode::invalid_model);
  EXPECT_EQ(run({{"output", text("i8")}, {"high", int64_t{200}}}, {a, b, m}), ErrorCode::invalid_model);
  EXPECT_EQ(run({{"row_scale", 1.0f}}, {a, b, m}), ErrorCode::invalid_model) << "a stage without its row";
  EXPECT_EQ(run({{"extra", int64_t{1}}}, {a, b, m}), ErrorCode::invalid_model);
  const Tensor none, zeros = Tensor::of<int32_t>({7}, std::vector<int32_t>(7, 3));
  EXPECT_EQ(run({}, {a, b, m, none, none, none, none, none, none, none, none, zeros}), ErrorCode::invalid_model)
      << "channels of x are summed";
}

}  // namespace
}  // namespace fovea::ops
