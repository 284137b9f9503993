#include "pipeline/random_tensor.h"

namespace fovea::pipeline {
namespace {

template <class T, class Draw>
void fill(Tensor& tensor, Draw draw) {
  T* values = tensor.mutable_view().as<T>();
  for (int64_t i = 0; i < tensor.size(); ++i) values[i] = static_cast<T>(draw());
}

}  // namespace

Result<Tensor> random_tensor(const TensorType& type, std::mt19937_64& generator) {
  Tensor tensor = FOVEA_TRY(Tensor::allocate(type.dtype, type.shape));
  std::normal_distribution<float> normal;
  const auto real = [&] { return normal(generator); };
  const auto bit = [&] { return generator() & 1; };
  switch (type.dtype) {
    case DType::f32: fill<float>(tensor, real); break;
    case DType::f64: fill<double>(tensor, real); break;
    case DType::f16: fill<f16>(tensor, real); break;
    case DType::bf16: fill<bf16>(tensor, real); break;
    case DType::u8: fill<uint8_t>(tensor, [&] { return generator() & 255; }); break;
    case DType::i8: fill<int8_t>(tensor, bit); break;
    case DType::i16: fill<int16_t>(tensor, bit); break;
    case DType::u16: fill<uint16_t>(tensor, bit); break;
    case DType::i32: fill<int32_t>(tensor, bit); break;
    case DType::u32: fill<uint32_t>(tensor, bit); break;
    case DType::i64: fill<int64_t>(tensor, bit); break;
    case DType::u64: fill<uint64_t>(tensor, bit); break;
    case DType::boolean: fill<bool>(tensor, bit); break;
  }
  return tensor;
}

}  // namespace fovea::pipeline
