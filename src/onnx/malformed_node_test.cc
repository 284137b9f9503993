// Models whose nodes ask for what cannot be: refused when they are read or run, naming the node, never answered.
#include <gmock/gmock.h>

#include "onnx/test_model.h"
#include "ops/dispatch.h"
#include "ops/evaluate.h"

namespace fovea::onnx {
namespace {

using ::testing::HasSubstr;

/// What happens to a model with these inputs and nodes when it is read and run on ones.
Result<std::vector<Tensor>> run(const std::string& inputs, const std::string& body) {
  const auto graph = FOVEA_TRY(read_bytes(model_of("graph g (" + inputs + ") -> (y) {\n" + body + "\n}")));
  std::vector<Tensor> values;
  for (ValueId id : graph.inputs) {
    const TensorType type = *graph.value(id).type.concrete();
    Tensor tensor = FOVEA_TRY(Tensor::allocate(type.dtype, type.shape));
    FOVEA_TRY(ops::dispatch<ops::AllTypes>(type.dtype, [&]<class T>() {
      std::fill_n(tensor.mutable_view().as<T>(), tensor.size(), static_cast<T>(1.0f));
    }));
    values.push_back(std::move(tensor));
  }
  return ops::evaluate(graph, values);
}

/// The node under test is the one called "bad".
void expect_refusal(const std::string& inputs, const std::string& body) {
  SCOPED_TRACE(inputs + " | " + body);
  const auto result = run(inputs, body);
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().where, HasSubstr("\"bad\""));
  EXPECT_FALSE(result.error().message.empty());
  EXPECT_NE(result.error().code, ErrorCode::internal) << result.error().to_string();
}

struct Row {
  const char* inputs;
  const char* body;  // "bad" is appended
};

constexpr const char* kImage = "f32[1,4,6,6] x";

const Row kRows[] = {
    // ---- axes
    {"f32[2,3] x", "y = Softmax@14(x) {axis=2}"},
    {"f32[2,3] x", "y = Softmax@14(x) {axis=-3}"},
    {"f32[2,3] x", "y = Softmax@14(x) {axis=9223372036854775807}"},
    {"f32[2,3] x", "y = Softmax@14(x) {axis=-9223372036854775808}"},
    {"f32[2,3] x", "y = LogSoftmax@14(x) {axis=2}"},
    {"f32[2,3] x", "y = Flatten@14(x) {axis=3}"},
    {"f32[2,3] x", "y = Flatten@14(x) {axis=-3}"},
    {"f32[2,3] x", "y = Concat@14(x, x) {axis=2}"},
    {"f32[2,3] x", "y = Concat@14(x, x)"},
    {"f32[2,3] x, f32[2,4] z", "y = Concat@14(x, z) {axis=0}"},
    {"f32[2,3] x, i64[2,3] z", "y = Concat@14(x, z) {axis=0}"},
    {"f32[2,3] x, f32[2] z", "y = Concat@14(x, z) {axis=0}"},
    {"f32[2,3] x", "y = ReduceMean@14(x) {axes=[2]}"},
    {"f32[2,3] x", "y = ReduceMean@14(x) {axes=[0, 0]}"},
    {"f32[2,3] x", "y = ReduceMax@14(x) {axes=[-3]}"},
    {"f32[2,3] x", "y = ArgMax@14(x) {axis=2}"},
    {"f32[2,3] x", "y = ArgMin@14(x) {axis=-3}"},
    {"f32[2,3] x", "a = constant i64[1] {5} y = ReduceSum@14(x, a)"},
    {"f32[2,3] x", "a = constant i64[1] {5} y = Squeeze@14(x, a)"},
    {"f32[2,3] x", "a = constant i64[1] {0} y = Squeeze@14(x, a)"},
    {"f32[2,3] x", "a = constant i64[1] {9} y = Unsqueeze@14(x, a)"},
    {"f32[2,3] x", "a = constant i64[2] {1, 1} y = Unsqueeze@14(x, a)"},
    {"f32[2,3] x", "a = constant i64[1,1] {1} y = Unsqueeze@14(x, a)"},
    {"f32[2,3] x", "a = constant i64[] {2} y = CumSum@14(x, a)"},
    {"f32[2,3] x", "y = LayerNormalization@17(x, x) {axis=2}"},
    {"f32[2,3] x", "y = Hardmax@14(x) {axis=4}"},
    {"f32[2,3] x", "y = LpNormalization@14(x) {axis=4}"},

    // ---- shapes
    {"f32[2,3] x", "s = constant i64[2] {4, -1} y = Reshape@14(x, s)"},
    {"f32[2,3] x", "s = constant i64[2] {-1, -1} y = Reshape@14(x, s)"},
    {"f32[2,3] x", "s = constant i64[2] {-2, 3} y = Reshape@14(x, s)"},
    {"f32[2,3] x", "s = constant i64[1] {7} y = Reshape@14(x, s)"},
    {"f32[2,3] x", "s = constant i64[3] {1, 6, 0} y = Reshape@14(x, s)"},
    {"f32[2,3] x", "s = constant i64[2] {4611686018427387904, 4} y = Reshape@14(x, s)"},
    {"f32[2,3] x", "s = constant f32[1] {6} y = Reshape@14(x, s)"},
    {"f32[2,3] x", "s = constant i64[1,1] {6} y = Reshape@14(x, s)"},
    {"f32[2,3] x", "s = constant i64[2] {4, 3} y = Expand@14(x, s)"},
    {"f32[2,3] x", "s = constant i64[2] {-1, 3} y = Expand@14(x, s)"},
    {"f32[1] x", "s = constant i64[2] {4611686018427387904, 4611686018427387904} y = Expand@14(x, s)"},
    {"f32[1] x", "s = constant i64[1] {4611686018427387904} y = Expand@14(x, s)"},
    {"f32[2,3] x", "s = constant i64[2] {-1, 3} y = Tile@14(x, s)"},
    {"f32[2,3] x", "s = constant i64[1] {2} y = Tile@14(x, s)"},
    {"f32[2,3] x", "s = constant i64[2] {4611686018427387904, 4611686018427387904} y = Tile@14(x, s)"},
    {"f32[2,3] x", "s = constant i64[1] {-5} y = ConstantOfShape@14(s)"},
    {"f32[2,3] x", "s = constant i64[2] {4611686018427387904, 4} y = ConstantOfShape@14(s)"},
    {"f32[2,3] x", "s = constant i64[2] {1099511627776, 1024} y = ConstantOfShape@14(s)"},
    {"f32[2,3] x, f32[4] z", "y = Add@14(x, z)"},
    {"f32[2,3] x, i64[3] z", "y = Add@14(x, z)"},
    {"f32[2,3] x, f32[2,2] z", "y = Mul@14(x, z)"},
    {"bool[2] x", "y = Add@14(x, x)"},
    {"f32[2] x", "y = And@14(x, x)"},
    {"f32[2] x", "y = Not@14(x)"},
    {"f32[2,3] x", "y = Where@14(x, x, x)"},
    {"f32[2,3] x", "y = Transpose@14(x) {perm=[0]}"},
    {"f32[2,3] x", "y = Transpose@14(x) {perm=[0, 0]}"},
    {"f32[2,3] x", "y = Transpose@14(x) {perm=[0, 2]}"},
    {"f32[6,4] x", "s = constant i64[2] {2, 3} y, z = Split@14(x, s)"},
    {"f32[6,4] x", "s = constant i64[2] {-1, 7} y, z = Split@14(x, s)"},
    {"f32[6,4] x", "s = constant i64[3] {2, 2, 2} y, z = Split@14(x, s)"},
    {"f32[6,4] x", "y, z = Split@14(x) {axis=2}"},
    {"f32[1,4,2,2] x", "y = DepthToSpace@14(x) {blocksize=0}"},
    {"f32[1,4,2,2] x", "y = DepthToSpace@14(x) {blocksize=-2}"},
    {"f32[1,4,2,2] x", "y = DepthToSpace@14(x) {blocksize=3}"},
    {"f32[1,4,2,2] x", "y = SpaceToDepth@14(x) {blocksize=3}"},
    {"f32[1,4,2,2] x", "y = SpaceToDepth@14(x) {blocksize=0}"},

    // ---- indices
    {"f32[2,3] x", "i = constant i64[1] {2} y = Gather@14(x, i) {axis=0}"},
    {"f32[2,3] x", "i = constant i64[1] {-3} y = Gather@14(x, i) {axis=0}"},
    {"f32[2,3] x", "i = constant i64[1] {9223372036854775807} y = Gather@14(x, i)"},
    {"f32[2,3] x", "i = constant i64[1] {-9223372036854775808} y = Gather@14(x, i)"},
    {"f32[2,3] x", "i = constant i64[1] {0} y = Gather@14(x, i) {axis=2}"},
    {"f32[2,3] x", "i = constant f32[1] {0} y = Gather@14(x, i)"},
    {"f32[] x", "i = constant i64[1] {0} y = Gather@14(x, i)"},
    {"f32[0,3] x", "i = constant i64[1] {0} y = Gather@14(x, i)"},
    {"f32[2,3] x", "i = constant i64[1,1] {3} y = GatherElements@14(x, i) {axis=1}"},
    {"f32[2,3] x", "i = constant i64[1,1] {-4} y = GatherElements@14(x, i) {axis=1}"},
    {"f32[2,3] x", "i = constant i64[1] {0} y = GatherElements@14(x, i)"},
    {"f32[2,3] x", "i = constant i64[1,2] {1, 3} y = GatherND@14(x, i)"},
    {"f32[2,3] x", "i = constant i64[1,3] {0, 0, 0} y = GatherND@14(x, i)"},
    {"f32[2,3] x", "i = constant i64[1,2] {0, 0} y = GatherND@14(x, i) {batch_dims=5}"},
    {"f32[2,3] x", "i = constant i64[1,1] {2} u = constant f32[1,3] {1, 2, 3} y = ScatterND@16(x, i, u)"},
    {"f32[2,3] x", "i = constant i64[1,1] {-3} u = constant f32[1,3] {1, 2, 3} y = ScatterND@16(x, i, u)"},
    {"f32[2,3] x", "i = constant i64[1,1] {0} u = constant f32[1,2] {1, 2} y = ScatterND@16(x, i, u)"},
    {"f32[2,3] x", "i = constant i64[1,1] {2} u = constant f32[1,1] {1} y = ScatterElements@16(x, i, u)"},
    {"f32[2,3] x", "i = constant i64[1,1] {0} u = constant f32[1,2] {1, 2} y = ScatterElements@16(x, i, u)"},
    {"f32[4] x", "k = constant i64[1] {5} y, z = TopK@14(x, k)"},
    {"f32[4] x", "k = constant i64[1] {-1} y, z = TopK@14(x, k)"},
    {"f32[4] x", "k = constant i64[2] {1, 1} y, z = TopK@14(x, k)"},
    {"f32[4] x", "k = constant i64[1] {1} y, z = TopK@14(x, k) {axis=1}"},
    {"i64[1] x", "d = constant i64[] {-3} v = constant f32[2] {0, 1} y = OneHot@14(x, d, v)"},
    {"i64[1] x", "d = constant i64[] {3} v = constant f32[3] {0, 1, 2} y = OneHot@14(x, d, v)"},
    {"i64[1] x", "d = constant i64[] {4611686018427387904} v = constant f32[2] {0, 1} y = OneHot@14(x, d, v)"},
    {"f32[2,3] x", "a = constant i64[1] {0} s = constant i64[1] {0} y = Slice@14(x, a, a, a, s)"},
    {"f32[2,3] x", "a = constant i64[1] {0} b = constant i64[2] {1, 1} y = Slice@14(x, a, b)"},
    {"f32[2,3] x", "a = constant i64[1] {0} b = constant i64[1] {2} y = Slice@14(x, a, a, b)"},
    {"f32[2,3] x", "a = constant i64[2] {0, 0} y = Slice@14(x, a, a, a)"},
    {"f32[2,3] x", "a = constant f32[1] {0} y = Slice@14(x, a, a)"},

    // ---- windows
    {kImage, "w = constant f32[2,3,3,3] zeros y = Conv@14(x, w)"},
    {kImage, "w = constant f32[2,4,3,3] zeros y = Conv@14(x, w) {strides=[0, 1]}"},
    {kImage, "w = constant f32[2,4,3,3] zeros y = Conv@14(x, w) {strides=[-1, 1]}"},
    {kImage, "w = constant f32[2,4,3,3] zeros y = Conv@14(x, w) {strides=[1]}"},
    {kImage, "w = constant f32[2,4,3,3] zeros y = Conv@14(x, w) {dilations=[0, 1]}"},
    {kImage, "w = constant f32[2,4,3,3] zeros y = Conv@14(x, w) {dilations=[9223372036854775807, 1]}"},
    {kImage, "w = constant f32[2,4,3,3] zeros y = Conv@14(x, w) {pads=[1, 1]}"},
    {kImage, "w = constant f32[2,4,3,3] zeros y = Conv@14(x, w) {pads=[-9, 0, 0, 0]}"},
    {kImage, "w = constant f32[2,4,3,3] zeros y = Conv@14(x, w) {pads=[9223372036854775807, 0, 1, 0]}"},
    {kImage, "w = constant f32[2,4,3,3] zeros y = Conv@14(x, w) {pads=[4611686018427387904, 0, 0, 0]}"},
    {kImage, "w = constant f32[2,4,3,3] zeros y = Conv@14(x, w) {kernel_shape=[3, 5]}"},
    {kImage, "w = constant f32[2,4,3,3] zeros y = Conv@14(x, w) {kernel_shape=[3]}"},
    {kImage, "w = constant f32[2,4,3,3] zeros y = Conv@14(x, w) {group=0}"},
    {kImage, "w = constant f32[2,4,3,3] zeros y = Conv@14(x, w) {group=-1}"},
    {kImage, "w = constant f32[2,4,3,3] zeros y = Conv@14(x, w) {group=3}"},
    {kImage, "w = constant f32[3,2,3,3] zeros y = Conv@14(x, w) {group=2}"},
    {kImage, "w = constant f32[2,4,3,3] zeros y = Conv@14(x, w) {auto_pad=\"SOMEHOW\"}"},
    {kImage, "w = constant f32[2,4,9,9] zeros y = Conv@14(x, w)"},
    {kImage, "w = constant f32[2,4,3] zeros y = Conv@14(x, w)"},
    {kImage, "w = constant f32[2,4,0,3] zeros y = Conv@14(x, w)"},
    {kImage, "w = constant i64[2,4,3,3] zeros y = Conv@14(x, w)"},
    {kImage, "w = constant f64[2,4,3,3] zeros y = Conv@14(x, w)"},
    {kImage, "w = constant f32[2,4,3,3] zeros b = constant f32[3] zeros y = Conv@14(x, w, b)"},
    {kImage, "w = constant f32[2,4,3,3] zeros b = constant f32[2,1] zeros y = Conv@14(x, w, b)"},
    {"f32[4] x", "w = constant f32[2,4,3,3] zeros y = Conv@14(x, w)"},
    {kImage, "w = constant f32[3,2,3,3] zeros y = ConvTranspose@14(x, w)"},
    {kImage, "w = constant f32[4,2,3,3] zeros y = ConvTranspose@14(x, w) {strides=[0, 1]}"},
    {kImage, "w = constant f32[4,2,3,3] zeros y = ConvTranspose@14(x, w) {strides=[4611686018427387904, 1]}"},
    {kImage, "w = constant f32[4,2,3,3] zeros y = ConvTranspose@14(x, w) {pads=[99, 99, 99, 99]}"},
    {kImage, "w = constant f32[4,2,3,3] zeros y = ConvTranspose@14(x, w) {group=0}"},
    {kImage, "w = constant f32[4,2,3,3] zeros y = ConvTranspose@14(x, w) {output_padding=[-5, 0]}"},
    {kImage, "y = MaxPool@14(x)"},
    {kImage, "y = MaxPool@14(x) {kernel_shape=[0, 1]}"},
    {kImage, "y = MaxPool@14(x) {kernel_shape=[-2, 1]}"},
    {kImage, "y = MaxPool@14(x) {kernel_shape=[2]}"},
    {kImage, "y = MaxPool@14(x) {kernel_shape=[9, 9]}"},
    {kImage, "y = MaxPool@14(x) {kernel_shape=[2, 2], strides=[0, 0]}"},
    {kImage, "y = MaxPool@14(x) {kernel_shape=[2, 2], dilations=[0, 0]}"},
    {kImage, "y = MaxPool@14(x) {kernel_shape=[2, 2], pads=[-1, 0, 0, 0]}"},
    {kImage, "y = AveragePool@14(x) {kernel_shape=[2, 2], strides=[1, -1]}"},
    {kImage, "y = AveragePool@14(x) {kernel_shape=[9223372036854775807, 1]}"},
    {kImage, "y = AveragePool@14(x) {kernel_shape=[2, 2], pads=[0, 0, 0, 9223372036854775807]}"},
    {"f32[4] x", "y = GlobalAveragePool@14(x)"},
    {"i64[1,4,2,2] x", "y = GlobalAveragePool@14(x)"},
    {kImage, "p = constant i64[8] {0, 0, 0, -9, 0, 0, 0, 0} y = Pad@14(x, p)"},
    {kImage, "p = constant i64[7] zeros y = Pad@14(x, p)"},
    {kImage, "p = constant i64[8] fill(4611686018427387904) y = Pad@14(x, p)"},
    {kImage, "p = constant i64[8] zeros y = Pad@14(x, p) {mode=\"mirror\"}"},
    {kImage, "r = constant f32[3] fill(2) y = Resize@14(x, _, r)"},
    {kImage, "r = constant f32[4] fill(0) y = Resize@14(x, _, r)"},
    {kImage, "r = constant f32[4] fill(-1) y = Resize@14(x, _, r)"},
    {kImage, "r = constant f32[4] fill(nan) y = Resize@14(x, _, r)"},
    {kImage, "r = constant f32[4] fill(inf) y = Resize@14(x, _, r)"},
    {kImage, "r = constant f32[4] fill(1e30) y = Resize@14(x, _, r)"},
    {kImage, "s = constant i64[4] {1, 4, -1, 3} y = Resize@14(x, _, _, s)"},
    {kImage, "s = constant i64[4] {1, 4, 4611686018427387904, 4611686018427387904} y = Resize@14(x, _, _, s)"},
    {kImage, "y = Resize@14(x)"},
    {kImage, "s = constant i64[4] {1, 4, 3, 3} y = Resize@14(x, _, _, s) {mode=\"best\"}"},

    // ---- products and normalisations
    {"f32[2,3] x", "y = MatMul@14(x, x)"},
    {"f32[] x", "y = MatMul@14(x, x)"},
    {"f32[2,3,3] x, f32[3,3,3] z", "y = MatMul@14(x, z)"},
    {"f32[2,2] x, f64[2,2] z", "y = MatMul@14(x, z)"},
    {"f32[2,3] x", "y = Gemm@14(x, x)"},
    {"f32[2,2,2] x", "y = Gemm@14(x, x)"},
    {"f32[2,2] x", "c = constant f32[3] zeros y = Gemm@14(x, x, c)"},
    {"f32[2,2] x", "c = constant f32[3,2,2] zeros y = Gemm@14(x, x, c)"},
    {kImage, "s = constant f32[3] zeros y = BatchNormalization@14(x, s, s, s, s)"},
    {kImage, "s = constant f32[4,1] zeros y = BatchNormalization@14(x, s, s, s, s)"},
    {kImage, "s = constant f32[3] zeros y = InstanceNormalization@14(x, s, s)"},
    {kImage, "s = constant f32[4] zeros y = GroupNormalization@21(x, s, s) {num_groups=3}"},
    {kImage, "s = constant f32[4] zeros y = GroupNormalization@21(x, s, s) {num_groups=0}"},
    {kImage, "s = constant f32[5] zeros y = LayerNormalization@17(x, s)"},
    {kImage, "y = LRN@14(x)"},
    {kImage, "y = LRN@14(x) {size=0}"},
    {"f32[2,3] x", "y = Einsum@14(x) {equation=\"ijk->i\"}"},
    {"f32[2,3] x", "y = Einsum@14(x) {equation=\"ij->k\"}"},
    {"f32[2,3] x", "y = Einsum@14(x, x) {equation=\"ij,jk->ik\"}"},
    {"f32[2,3] x", "y = Einsum@14(x) {equation=\"\"}"},
    {"f32[2,3] x", "y = Einsum@14(x) {equation=\"i1->i\"}"},
    {"f32[2,3] x", "s = constant f32[] {0.1} z = constant i64[] {0} y = QuantizeLinear@14(x, s, z)"},
    {"f32[2,3] x", "s = constant f32[2] {0.1, 0.2} y = QuantizeLinear@14(x, s) {axis=1}"},
    {"f32[2,3] x", "s = constant f32[2] {0.1, 0.2} y = QuantizeLinear@14(x, s) {axis=5}"},
    {"f32[2,3] x", "s = constant f32[] {0.1} y = DequantizeLinear@14(x, s)"},
    {"u8[2,3] x", "s = constant f32[] {0.1} z = constant i8[] {0} y = DequantizeLinear@14(x, s, z)"},
    {"f32[2,3] x", "y = MatMulInteger@14(x, x)"},
    {"i32[2] x", "y = DynamicQuantizeLinear@14(x)"},

    // ---- the rest
    {"f32[2] x", "y = Cast@14(x) {to=99}"},
    {"f32[2] x", "y = Cast@14(x) {to=8}"},
    {"f32[2] x", "y = Cast@14(x)"},
    {"f32[2] x", "y = Cast@14(x) {to=-1}"},
    {"f32[2] x", "y = Range@14(x, x, x)"},
    {"f32[] x", "d = constant f32[] {0} y = Range@14(x, x, d)"},
    {"f32[] x", "d = constant f32[] {nan} y = Range@14(x, x, d)"},
    {"f32[] x", "e = constant f32[] {1e30} y = Range@14(x, e, x)"},
    {"i64[] x", "e = constant i64[] {9223372036854775807} y = Range@14(x, e, x)"},
    {"f32[2] x", "y = Mod@14(x, x)"},
    {"f32[2] x", "y = Clip@14(x, x)"},
    {"f32[2,3] x", "y = Trilu@14(x, x)"},
    {"f32[2] x", "y = Trilu@14(x)"},
    {"f32[2,3] x", "y = EyeLike@14(x) {dtype=99}"},
    {"f32[2] x", "y = EyeLike@14(x)"},
    {"f32[2] x", "y = Gelu@20(x) {approximate=\"roughly\"}"},
    {"i64[2] x", "y = Sqrt@14(x)"},
    {"bool[2] x", "y = Relu@14(x)"},
    {"f32[2,3] x, f32[4] z", "y = PRelu@14(x, z)"},
    {"f32[1,2,3] x, f32[1,1,2] z", "y = NonMaxSuppression@14(x, z)"},
    {"f32[1,4,6,6] x, f32[1,2,2,3] z", "y = GridSample@16(x, z)"},
    {"f32[1,4,6,6] x, f32[2,2,2,2] z", "y = GridSample@16(x, z)"},
    {"f32[1,4,6,6] x, f32[2,4] z", "b = constant i64[2] {0, 1} y = RoiAlign@16(x, z, b)"},
    {"f32[1,4,6,6] x, f32[2,4] z", "b = constant i64[2] {0, -1} y = RoiAlign@16(x, z, b)"},
    {"f32[1,4,6,6] x, f32[2,3] z", "b = constant i64[2] {0, 0} y = RoiAlign@16(x, z, b)"},
    {"f32[1,4,6,6] x, f32[1,4] z", "b = constant i64[1] {0} y = RoiAlign@16(x, z, b) {output_height=0}"},
};

TEST(MalformedNode, IsRefusedWithItsName) {
  for (const Row& row : kRows) expect_refusal(row.inputs, std::string(row.body) + " \"bad\"");
}

// Faults that every operator must notice alike.
TEST(MalformedNode, OfAnyOperatorIsRefusedForOperandsAndAttributesThatItLacks) {
  for (const char* type :
       {"Abs",    "Add",     "And",  "Ceil", "Conv",    "Cos",       "Div",      "Equal",     "Erf",   "Exp",
        "Floor",  "Gather",  "Gelu", "Gemm", "Greater", "HardSwish", "Identity", "LeakyRelu", "Less",  "Log",
        "MatMul", "MaxPool", "Mul",  "Neg",  "Not",     "Pow",       "Relu",     "Reshape",   "Shape", "Sigmoid",
        "Sin",    "Softmax", "Sqrt", "Sub",  "Tanh",    "Transpose", "Where"}) {
    const std::string op(type);
    expect_refusal("f32[1] x", "y = " + op + "@20() \"bad\"");
    expect_refusal("f32[1] x", "y = " + op + "@20(x, x, x, x, x, x, x) \"bad\"");
    expect_refusal("f32[1] x", "y = " + op + "@20(x, x) {imagined=1} \"bad\"");
    expect_refusal("f32[1] x", "y, a, b, c = " + op + "@20(x) \"bad\"");
    expect_refusal("f32[1] x", "y = " + op + "@20(_, x) \"bad\"");
  }
}

}  // namespace
}  // namespace fovea::onnx
