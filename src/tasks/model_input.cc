#include "tasks/model_input.h"

#include "base/error.h"

namespace fovea::tasks {
namespace {

template <class T>
void convert(const Tensor& from, void* to) {
  auto* values = static_cast<T*>(to);
  const float* source = from.data<float>();
  for (int64_t i = 0; i < from.size(); ++i) values[i] = static_cast<T>(source[i]);
}

/// Pixels as they are, for models that take u8.
void write_bytes(const image::TransformSpec& spec, image::ImageView pixels, uint8_t* to) {
  const bool rgb = spec.order == image::ChannelOrder::rgb, nchw = spec.layout == image::Layout::nchw;
  const int64_t plane = pixels.height * pixels.width;
  for (int64_t y = 0; y < pixels.height; ++y) {
    const uint8_t* row = pixels.row(y);
    for (int64_t x = 0; x < pixels.width; ++x)
      for (int64_t c = 0; c < 3; ++c) {
        const int64_t place = y * pixels.width + x;
        to[nchw ? c * plane + place : 3 * place + c] = row[3 * x + (rgb ? c : 2 - c)];
      }
  }
}

}  // namespace

Result<Tensor> allocate_input(const InputFacts& input, int64_t batch, image::Size size) {
  Shape shape = input.layout == image::Layout::nchw ? Shape{batch, 3, size.height, size.width}
                                                    : Shape{batch, size.height, size.width, 3};
  return Tensor::allocate(input.dtype, std::move(shape));
}

Result<void> write_input(const image::Transform& transform, image::ImageView pixels, MutableView batch, int64_t index) {
  const bool nchw = transform.spec().layout == image::Layout::nchw;
  if (batch.rank() != 4 || batch.shape[nchw ? 2 : 1] != pixels.height || batch.shape[nchw ? 3 : 2] != pixels.width ||
      index < 0 || index >= batch.shape[0])
    return internal("a photo of {}x{} does not go to place {} of {}", pixels.height, pixels.width, index,
                    to_string(batch.shape));
  const int64_t elements = 3 * pixels.height * pixels.width;
  void* place = static_cast<std::byte*>(batch.data) + static_cast<size_t>(index * elements) * size_of(batch.dtype);
  const auto shape = batch.shape.subspan(1);
  if (batch.dtype == DType::f32) return transform.normalize(pixels, {DType::f32, shape, place});
  if (batch.dtype == DType::u8) {
    write_bytes(transform.spec(), pixels, static_cast<uint8_t*>(place));
    return {};
  }
  Tensor values = FOVEA_TRY(Tensor::allocate(DType::f32, Shape(shape.begin(), shape.end())));
  FOVEA_TRY(transform.normalize(pixels, values.mutable_view()));
  switch (batch.dtype) {
    case DType::f16: convert<f16>(values, place); break;
    case DType::bf16: convert<bf16>(values, place); break;
    case DType::f64: convert<double>(values, place); break;
    default: return unsupported("an input of type {}", name_of(batch.dtype));
  }
  return {};
}

}  // namespace fovea::tasks
