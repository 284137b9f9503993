#include <limits>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();

TEST(Binary, BroadcastsBothWays) {
  const auto a = Tensor::of<float>({2, 1}, {10, 20}), b = Tensor::of<float>({3}, {1, 2, 3});
  const auto y = run_node({"Add"}, {a, b});
  EXPECT_EQ(shape_of(y), (Shape{2, 3}));
  EXPECT_THAT(values_of<float>(y), ElementsAre(11, 12, 13, 21, 22, 23));
}

TEST(Binary, BroadcastsRowsLongerThanABlock) {
  std::vector<int32_t> x(2 * 600);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<int32_t>(i);
  const auto y =
      values_of<int32_t>(run_node({"Sub"}, {Tensor::of<int32_t>({2, 600}, x), Tensor::of<int32_t>({2, 1}, {0, 600})}));
  ASSERT_EQ(y.size(), x.size());
  for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(y[i], static_cast<int32_t>(i % 600));
}

TEST(Binary, GivesNothingForEmptyOperands) {
  const auto y = run_node({"Mul"}, {Tensor::of<float>({0, 3}, {}), Tensor::of<float>({1, 3}, {1, 2, 3})});
  EXPECT_EQ(shape_of(y), (Shape{0, 3}));
}

TEST(Binary, IntegersWrapAround) {
  const auto y = run_node({"Add"}, {Tensor::of<int8_t>({2}, {127, -128}), Tensor::of<int8_t>({2}, {1, -1})});
  EXPECT_THAT(values_of<int8_t>(y), ElementsAre(-128, 127));
  const auto z = run_node({"Mul"}, {Tensor::of<int64_t>({1}, {kLowest}), Tensor::of<int64_t>({1}, {-1})});
  EXPECT_THAT(values_of<int64_t>(z), ElementsAre(kLowest));
}

TEST(Binary, IntegerDivisionNeverTraps) {
  const auto a = Tensor::of<int64_t>({4}, {kLowest, 7, -7, 5}), b = Tensor::of<int64_t>({4}, {-1, -2, 2, 0});
  EXPECT_THAT(values_of<int64_t>(run_node({"Div"}, {a, b})), ElementsAre(kLowest, -3, -3, 0));
  EXPECT_THAT(values_of<int64_t>(run_node({"Mod"}, {a, b})), ElementsAre(0, -1, 1, 0));
  EXPECT_THAT(values_of<int64_t>(run_node({"Mod", 13, {{"fmod", int64_t{1}}}}, {a, b})), ElementsAre(0, 1, -1, 0));
  const auto c = Tensor::of<int32_t>({1}, {std::numeric_limits<int32_t>::min()}), d = Tensor::of<int32_t>({1}, {-1});
  EXPECT_THAT(values_of<int32_t>(run_node({"Div"}, {c, d})), ElementsAre(std::numeric_limits<int32_t>::min()));
}

TEST(Binary, ModOfFloatsNeedsFmod) {
  const auto a = Tensor::of<float>({2}, {-4.5f, 5}), b = Tensor::of<float>({2}, {2, -3});
  EXPECT_EQ(refusal(run_node({"Mod"}, {a, b})), ErrorCode::invalid_model);
  EXPECT_THAT(values_of<float>(run_node({"Mod", 13, {{"fmod", int64_t{1}}}}, {a, b})), ElementsAre(-0.5f, 2));
}

TEST(Binary, ComparesUnsignedNumbersOf64Bits) {
  const uint64_t large = std::numeric_limits<uint64_t>::max();
  const auto a = Tensor::of<uint64_t>({2}, {large, 1}), b = Tensor::of<uint64_t>({2}, {1, large});
  EXPECT_THAT(values_of<bool>(run_node({"Greater"}, {a, b})), ElementsAre(true, false));
  EXPECT_THAT(values_of<bool>(run_node({"LessOrEqual"}, {a, b})), ElementsAre(false, true));
}

TEST(Binary, NotANumberEqualsNothing) {
  const auto x = Tensor::of<double>({2}, {std::numeric_limits<double>::quiet_NaN(), 1});
  EXPECT_THAT(values_of<bool>(run_node({"Equal"}, {x, x})), ElementsAre(false, true));
}

TEST(Binary, ShiftsByTheWholeWidthLeaveNothing) {
  const auto x = Tensor::of<uint8_t>({3}, {0x81, 0x81, 0x81}), by = Tensor::of<uint8_t>({3}, {1, 8, 200});
  EXPECT_THAT(values_of<uint8_t>(run_node({"BitShift", 11, {{"direction", std::string("LEFT")}}}, {x, by})),
              ElementsAre(2, 0, 0));
  EXPECT_THAT(values_of<uint8_t>(run_node({"BitShift", 11, {{"direction", std::string("RIGHT")}}}, {x, by})),
              ElementsAre(0x40, 0, 0));
  EXPECT_EQ(refusal(run_node({"BitShift", 11}, {x, by})), ErrorCode::invalid_model);
}

TEST(Binary, BeforeOpset7BroadcastsFromTheAxisGiven) {
  const auto a = Tensor::of<float>({2, 2, 2}, {0, 0, 0, 0, 0, 0, 0, 0}), b = Tensor::of<float>({2}, {1, 2});
  const auto y = run_node({"Add", 6, {{"broadcast", int64_t{1}}, {"axis", int64_t{1}}}}, {a, b});
  EXPECT_THAT(values_of<float>(y), ElementsAre(1, 1, 2, 2, 1, 1, 2, 2));
  const auto z = run_node({"Add", 6, {{"broadcast", int64_t{1}}}}, {a, b});
  EXPECT_THAT(values_of<float>(z), ElementsAre(1, 2, 1, 2, 1, 2, 1, 2));
  EXPECT_EQ(refusal(run_node({"Add", 6}, {a, b})), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run_node({"Add", 6, {{"broadcast", int64_t{1}}, {"axis", int64_t{3}}}}, {a, b})),
            ErrorCode::invalid_model);
}

TEST(Binary, PReluBroadcastsTheSlopeOnly) {
  const auto x = Tensor::of<float>({1, 2, 2}, {-1, 2, -3, 4}), slope = Tensor::of<float>({2, 1}, {0.5f, 2});
  EXPECT_THAT(values_of<float>(run_node({"PRelu", 16}, {x, slope})), ElementsAre(-0.5f, 2, -6, 4));
  EXPECT_EQ(refusal(run_node({"PRelu", 16}, {slope, x})), ErrorCode::invalid_model);
}

TEST(Binary, PReluBeforeOpset7HasOneSlopeForEachChannel) {
  const auto x = Tensor::of<float>({1, 2, 2}, {-1, 2, -3, 4}), slope = Tensor::of<float>({2}, {0.5f, 2});
  EXPECT_THAT(values_of<float>(run_node({"PRelu", 6}, {x, slope})), ElementsAre(-0.5f, 2, -6, 4));
}

TEST(Binary, RefusesOperandsThatDoNotFit) {
  const auto a = Tensor::of<float>({2}, {1, 2}), b = Tensor::of<float>({3}, {1, 2, 3}),
             c = Tensor::of<double>({2}, {1, 2});
  EXPECT_EQ(refusal(run_node({"Add"}, {a, b})), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run_node({"Add"}, {a, c})), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run_node({"And"}, {a, a})), ErrorCode::invalid_model);
}

TEST(Binary, RefusesAProductOfExtentsThatOverflows) {
  const Inputs::Input in[] = {{{DType::i8, {int64_t{1} << 40, 1}}, nullptr, true},
                              {{DType::i8, {int64_t{1} << 40}}, nullptr, true}};
  Node node;
  node.op_type = "Add";
  node.opset = 14;
  node.inputs = {0, 1};
  node.outputs = {2};
  const auto op = parse_operator(node);
  ASSERT_TRUE(op.ok());
  EXPECT_FALSE((*op)->infer(Inputs(in, 1)).ok());
}

}  // namespace
}  // namespace fovea::ops
