// Cut and flipped files: read, and where they can be read, run; never a crash, a hang or memory without end.
#include <random>

#include <gmock/gmock.h>

#include "base/log.h"
#include "onnx/test_model.h"
#include "ops/dispatch.h"
#include "ops/evaluate.h"

namespace fovea::onnx {
namespace {

constexpr std::string_view kNetwork = R"(graph net (f32[1,3,8,8] image) -> (out) {
  metadata "author" = "nobody"
  w = constant f32[4,3,3,3] random(1)
  b = constant f32[4] random(2)
  scale = constant f32[4] fill(1)
  fc = constant f32[4,5] random(3)
  c = Conv@17(image, w, b) {kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]} "conv"
  n = BatchNormalization@17(c, scale, b, b, scale) {epsilon=0.001}
  r = Relu@17(n)
  g = GlobalAveragePool@17(r)
  f = Flatten@17(g)
  p = MatMul@17(f, fc)
  out = Softmax@17(p) {axis=1}
})";

constexpr std::string_view kShapes = R"(graph shapes (f32[2,6] x) -> (y) {
  zero = constant i64[1] {0}
  two = constant i64[1] {2}
  minus = constant i64[1] {-1}
  s = Shape@17(x)
  n = Gather@17(s, zero) {axis=0}
  t = Concat@17(n, two, minus) {axis=0}
  r = Reshape@17(x, t)
  v = Transpose@17(r) {perm=[2, 0, 1]}
  y = ReduceMean@17(v) {axes=[0], keepdims=0}
})";

constexpr std::string_view kControl = R"(graph control (f32[3] x, bool[] flag, i64[] trips) -> (y) {
  l = Loop@17(trips, _, x) {
    body=graph body [x](i64[] i, bool[] go, f32[3] a) -> (go, b) {
      b = Add@17(a, x)
    }
  }
  y = If@17(flag) {
    else_branch=graph e [l]() -> (m) { m = Neg@17(l) },
    then_branch=graph t [x]() -> (k) { k = Abs@17(x) }
  }
})";

Tensor ones(const TensorType& type) {
  Tensor tensor = *Tensor::allocate(type.dtype, type.shape);
  (void)ops::dispatch<ops::AllTypes>(
      type.dtype, [&]<class T>() { std::fill_n(tensor.mutable_view().as<T>(), tensor.size(), static_cast<T>(1.0f)); });
  return tensor;
}

/// Reads the file and runs what was read on inputs of its own types, where they are small.
void use(const std::string& bytes) {
  const auto graph = read_bytes(bytes);
  if (!graph) {
    EXPECT_FALSE(graph.error().message.empty());
    return;
  }
  std::vector<Tensor> inputs;
  for (ValueId id : graph->inputs) {
    const auto type = graph->value(id).type.concrete();
    if (!type || element_count(type->shape) > 1'000'000) return;
    inputs.push_back(ones(*type));
  }
  ops::Budget budget(10'000, 16 << 20);
  (void)ops::evaluate(*graph, inputs, {}, &budget);
}

struct Damage : ::testing::TestWithParam<std::string_view> {
  Damage() { set_log_level(LogLevel::off); }
  ~Damage() override { set_log_level(LogLevel::info); }
};

TEST_P(Damage, CutsAreRefused) {
  const std::string bytes = model_of(GetParam());
  for (size_t length = 0; length < bytes.size(); ++length) use(bytes.substr(0, length));
}

TEST_P(Damage, FlippedBitsNeverCrash) {
  const std::string bytes = model_of(GetParam());
  std::mt19937 random(7);
  for (int i = 0; i < 1000; ++i) {
    std::string flipped = bytes;
    const size_t bit = random() % (bytes.size() * 8);
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    SCOPED_TRACE(bit);
    use(flipped);
  }
}

TEST_P(Damage, BytesOfEveryValueNeverCrash) {
  const std::string bytes = model_of(GetParam());
  for (size_t at = 0; at < bytes.size(); ++at)
    for (const int value : {0, 1, 0x7f, 0x80, 0xff}) {
      std::string changed_byte = bytes;
      changed_byte[at] = static_cast<char>(value);
      SCOPED_TRACE(at);
      use(changed_byte);
    }
}

INSTANTIATE_TEST_SUITE_P(Models, Damage, ::testing::Values(kNetwork, kShapes, kControl));

}  // namespace
}  // namespace fovea::onnx
