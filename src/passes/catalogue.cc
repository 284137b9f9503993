// The pipeline: which passes run, and in which order, each with the reason for its place.
#include "passes/catalogue.h"

#include "passes/pipeline.h"

namespace fovea::passes {
namespace {

constexpr Pass kOnce[] = {
    {"remove_identity", "Identity(x), Dropout(x) when not training -> x",
     "first: no other pattern needs to look through them", remove_identity},
    {"widen_halves", "a graph over f16 or bf16 -> the same over f32", "early: what follows knows f32 alone", nullptr,
     widen_halves},
    {"expand_nbits", "MatMulNBits(A, B, scales, zeros) -> MatMul(A, Transpose(DequantizeLinear(b, scales, zeros)))",
     "like expand_quantised", expand_nbits},
    {"expand_quantised", "QLinearConv(x, ...) -> QuantizeLinear(Conv(DequantizeLinear(x), ...)), and its like",
     "early: what follows knows one form of quantised graphs", expand_quantised},
    {"expand_dynamic", "float(MatMulInteger(q, W, z)) * (s * w_scale) -> MatMul of what DequantizeLinear makes of both",
     "like expand_quantised", expand_dynamic},
    {"fold_batch_norm", "BatchNormalization(Conv(x, W, B)) -> Conv(x, W', B')",
     "before the weights are packed, and before activations would stand between", fold_batch_norm},
    {"fold_scale", "P(x) * c, (P(x) + b) * c -> P'(x), P'(x) + b c", "like fold_batch_norm", fold_scale},
    {"fuse_gelu", "x * 0.5 * (1 + erf(x / sqrt 2)) -> Gelu(x)", "while the formula stands as it was exported",
     fuse_gelu},
    {"fuse_swish", "x * sigmoid(x) -> Swish(x)", "while the formula stands as it was exported", fuse_swish},
    {"turn_weights", "Transpose(DequantizeLinear(W)) -> DequantizeLinear(W^T)",
     "before narrow_weights, which has no look at products of bytes", turn_weights},
    {"narrow_weights", "MatMul(A, DequantizeLinear(W)), MatMul(A, Cast(W)) -> fovea.MatMul(A, W)",
     "last: no other pass of this stage knows fovea.MatMul", narrow_weights},
};

constexpr Pass kShapesKnown[] = {
    {"clip_quantized", "Clip(QuantizeLinear(x)) over bytes -> QuantizeLinear(Clip(x))",
     "first: what follows looks for QuantizeLinear and DequantizeLinear side by side", clip_quantized},
    {"unsigned_bytes", "QuantizeLinear to i8 and back -> the same over u8", "early: Q and DQ still stand side by side",
     unsigned_bytes},
    {"expand_einsum", "Einsum(a, b) -> MatMul of what Transpose and Reshape make of both",
     "before fuse_attention, which looks for products", expand_einsum},
    {"fuse_rope", "x * cos + rotated(x) * sin -> fovea.Rope", "before fuse_attention, which takes it in", fuse_rope},
    {"fuse_attention", "MatMul(Softmax(MatMul(Q, K^T)), V) -> fovea.Attention",
     "before channels_last: what moves heads about is no image", fuse_attention},
    {"channels_last", "Conv, pools and what stands between them over NCHW -> the same over NHWC",
     "early: it decides what is a product over NHWC", nullptr, channels_last},
    {"cancel_moves", "Transpose(Reshape(Transpose(x))) in x's own order -> Reshape(x)",
     "behind channels_last, which makes them", cancel_moves},
    {"move_dequantize", "move(DequantizeLinear(x)) -> DequantizeLinear(move(x))",
     "behind channels_last: moves of its own are turned, too", move_dequantize},
    {"fuse_lookup", "QuantizeLinear(f(DequantizeLinear(x))) -> fovea.QLookup(x)",
     "nothing moves between the two any more", fuse_lookup},
    {"fuse_gate", "act(a) * b of two parts of one product -> fovea.Gate",
     "before fuse_epilogue would take the function", fuse_gate},
    {"lower_linear", "MatMul(A, W), Gemm(A, W, b) -> fovea.MatMul", "makes what fuse_epilogue looks for", lower_linear},
    {"fuse_epilogue", "act(P(x)), P(x) + bias, P(x) + residual -> P with an epilogue",
     "products are made, and nothing moves between them and their epilogues any more", fuse_epilogue},
    {"fuse_expand", "depthwise(pointwise(x)) -> one fovea.Conv that stores no large map between them",
     "both have their epilogues", fuse_expand},
    {"fuse_quantized", "QuantizeLinear(P(DequantizeLinear(x), DequantizeLinear(w))) -> fovea.QConv, fovea.QMatMul, ...",
     "products have their epilogues", fuse_quantized},
    {"fuse_quantized_chain", "sums and lookups of fovea.QConv, fovea.QMatMul -> behind their sums",
     "behind fuse_quantized, which makes them", fuse_quantized_chain},
    {"fuse_pixels", "Conv(f(u8 image)), QConv(QuantizeLinear(f(u8 image))) -> the same with a table for each channel",
     "behind fuse_quantized, which makes the latter; nothing moves between image and product any more", fuse_pixels},
    {"fold_dequantize", "DequantizeLinear(constant) -> constant", "weights that fuse_quantized left", fold_dequantize},
};

}  // namespace

std::span<const Pass> pipeline(Stage stage) {
  if (stage == Stage::once) return kOnce;
  return kShapesKnown;
}

}  // namespace fovea::passes
