// fovea.QLookup and fovea.QBinary: elementwise functions of bytes.
//
// QLookup: inputs x (u8 or i8), table {256} or {channels, 256} for the last axis (u8, i8 or f32); y = table[x], where
// i8 counts from -128. QBinary: inputs a, b (u8, i8 or f32, they broadcast); attribute "kind":
//     add  r = a' * a_factor + b' * b_factor      sub is add with a negative b_factor
//     mul  r = a' * b' * a_factor, from left to right
// where a' is float(a - a_zero), or a itself where that is f32; y = clamp(round_half_even(r) + y_zero, low, high).
// Each operation is rounded for itself; fast kernels give the same bits.
#include <array>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/fovea_q_epilogue.h"
#include "ops/lookup.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

constexpr DType kBytes[] = {DType::u8, DType::i8};
constexpr DType kOperands[] = {DType::u8, DType::i8, DType::f32};

struct FoveaQLookup final : Operator {
  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 0, kBytes));
    FOVEA_TRY(expect_dtype(in, 1, kOperands));
    FOVEA_TRY(expect_table(in, 0, 1));
    return Types{{in.dtype(1), in.shape(0)}};
  }

  Result<void> compute(Args in, Outs out) const override {
    look_up(in[0], in[1], out[0]);
    return {};
  }
};

struct FoveaQBinary final : Operator {
  bool product;
  float a_factor, b_factor;
  int32_t a_zero, b_zero;
  QEpilogue epilogue;

  FoveaQBinary(bool mul, float fa, float fb, int32_t za, int32_t zb, QEpilogue e)
      : product(mul), a_factor(fa), b_factor(fb), a_zero(za), b_zero(zb), epilogue(std::move(e)) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 0, kOperands));
    FOVEA_TRY(expect_dtype(in, 1, kOperands));
    Shape shape = FOVEA_TRY(broadcast(in.shape(0), in.shape(1)));
    return Types{{epilogue.output, std::move(shape)}};
  }

  Result<void> compute(Args in, Outs out) const override {
    const auto real = [](const TensorView& x, int64_t i, int32_t zero) {
      return x.dtype == DType::f32 ? x.as<float>()[i] : static_cast<float>(byte_at(x, i) - zero);
    };
    int64_t i = 0;
    const std::array strides{broadcast_strides(in[0].shape, out[0].shape),
                             broadcast_strides(in[1].shape, out[0].shape)};
    for_each_index(out[0].shape, strides, [&](const auto& at) {
      const float a = real(in[0], at[0], a_zero), b = real(in[1], at[1], b_zero);
      float r = 0;
      if (product) {
        r = a * b;
        r = r * a_factor;
      } else {
        const float left = a * a_factor, right = b * b_factor;
        r = left + right;
      }
      if (out[0].dtype == DType::f32)
        out[0].as<float>()[i++] = r;
      else
        set_byte(out[0], i++, requantise(r, epilogue.y_zero, epilogue.low, epilogue.high));
    });
    return {};
  }
};

}  // namespace

Result<OperatorPtr> parse_fovea_qlookup(const Node& node) {
  FOVEA_TRY(Attributes(node).finish());
  return make_operator<FoveaQLookup>();
}

Result<OperatorPtr> parse_fovea_qbinary(const Node& node) {
  Attributes attributes(node);
  const std::string kind = attributes.text("kind", "");
  const float a_factor = attributes.number("a_factor", 1), b_factor = attributes.number("b_factor", 1);
  const int64_t a_zero = attributes.integer("a_zero", 0), b_zero = attributes.integer("b_zero", 0);
  QEpilogue epilogue = FOVEA_TRY(QEpilogue::parse(attributes));
  FOVEA_TRY(attributes.finish());
  if (kind != "add" && kind != "mul") return invalid_model("kind \"{}\" is neither add nor mul", kind);
  if (epilogue.output == DType::i32) return invalid_model("the output is i32, but must be u8, i8 or f32");
  return make_operator<FoveaQBinary>(kind == "mul", a_factor, b_factor, static_cast<int32_t>(a_zero),
                                     static_cast<int32_t>(b_zero), std::move(epilogue));
}

}  // namespace fovea::ops
