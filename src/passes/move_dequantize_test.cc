#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

TEST(MoveDequantize, MovesWorkOnBytes) {
  expect_rewrite("move_dequantize", R"(graph (f32[2,6] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  shape = constant i64[3] {2, 2, 3}
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)
    r = Reshape@14(d, shape)  y = Transpose@13(r) {perm=[0, 2, 1]}
  })",
                 R"(graph (f32[2,6] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}  shape = constant i64[3] {2, 2, 3}
    q = QuantizeLinear@21(x, s, z)
    r = Reshape@14(q, shape)  t = Transpose@13(r) {perm=[0, 2, 1]}  y = DequantizeLinear@21(t, s, z)
  })");
}

TEST(MoveDequantize, QuantisationGoesBeforeMoves) {
  expect_rewrite("move_dequantize", R"(graph (f32[2,6] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}
    a = Erf@13(x)  t = Transpose@13(a) {perm=[1, 0]}  y = QuantizeLinear@21(t, s, z)
  })",
                 R"(graph (f32[2,6] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {100}
    a = Erf@13(x)  q = QuantizeLinear@21(a, s, z)  y = Transpose@13(q) {perm=[1, 0]}
  })");
}

TEST(MoveDequantize, PartsAreJoinedAsBytes) {
  // The second operand has another scale: it is quantised as the result is.
  expect_rewrite("move_dequantize", R"(graph (f32[2,3] x, f32[2,3] w) -> (y) {
    s = constant f32[] {0.05}  t = constant f32[] {0.03}  z = constant u8[] {100}
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)
    r = QuantizeLinear@21(w, t, z)  e = DequantizeLinear@21(r, t, z)
    c = Concat@13(d, e) {axis=1}  y = QuantizeLinear@21(c, t, z)
  })",
                 R"(graph (f32[2,3] x, f32[2,3] w) -> (y) {
    s = constant f32[] {0.05}  t = constant f32[] {0.03}  z = constant u8[] {100}
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)
    r = QuantizeLinear@21(w, t, z)  e = DequantizeLinear@21(r, t, z)
    dq = QuantizeLinear@21(d, t, z)  eq = QuantizeLinear@21(e, t, z)
    y = Concat@13(dq, eq) {axis=1}
  })");
}

TEST(MoveDequantize, EachPartOfASplitIsDequantised) {
  expect_rewrite("move_dequantize", R"(graph (f32[2,4] x) -> (a, b) {
    s = constant f32[] {0.05}  z = constant u8[] {100}
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)  a, b = Split@18(d) {axis=1, num_outputs=2}
  })",
                 R"(graph (f32[2,4] x) -> (a, b) {
    s = constant f32[] {0.05}  z = constant u8[] {100}
    q = QuantizeLinear@21(x, s, z)  c, d = Split@18(q) {axis=1, num_outputs=2}
    a = DequantizeLinear@21(c, s, z)  b = DequantizeLinear@21(d, s, z)
  })");
}

TEST(UnsignedBytes, SignedLevelsAreShifted) {
  expect_rewrite("unsigned_bytes", R"(graph (f32[2,6] x) -> (y) {
    s = constant f32[] {0.05}  z = constant i8[] {-3}
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)  y = Erf@13(d)
  })",
                 R"(graph (f32[2,6] x) -> (y) {
    s = constant f32[] {0.05}  z = constant u8[] {125}
    q = QuantizeLinear@21(x, s, z)  d = DequantizeLinear@21(q, s, z)  y = Erf@13(d)
  })");
}

TEST(UnsignedBytes, AnOutputStaysAsItIs) {
  expect_unchanged("unsigned_bytes", R"(graph (f32[2,6] x) -> (q) {
    s = constant f32[] {0.05}  z = constant i8[] {-3}  q = QuantizeLinear@21(x, s, z)
  })");
}

}  // namespace
}  // namespace fovea::passes
