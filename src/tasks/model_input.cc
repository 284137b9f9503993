#include "tasks/model_input.h"

#include <algorithm>

#include "base/error.h"

namespace fovea::tasks {

Result<Tensor> allocate_input(const InputFacts& input, int64_t batch, image::Size size) {
  Shape shape = input.layout == image::Layout::nchw ? Shape{batch, 3, size.height, size.width}
                                                    : Shape{batch, size.height, size.width, 3};
  return Tensor::allocate(input.dtype, std::move(shape));
}

Result<InputRows> InputRows::create(const image::Transform& transform, MutableView batch, int64_t index,
                                    image::Size size) {
  const bool nchw = transform.spec().layout == image::Layout::nchw;
  if (batch.rank() != 4 || batch.shape[nchw ? 1 : 3] != 3 || batch.shape[nchw ? 2 : 1] != size.height ||
      batch.shape[nchw ? 3 : 2] != size.width || index < 0 || index >= batch.shape[0])
    return internal("a photo of {}x{} does not go to place {} of {}", size.height, size.width, index,
                    to_string(batch.shape));
  const int64_t elements = 3 * size.height * size.width;
  void* place = static_cast<std::byte*>(batch.data) + static_cast<size_t>(index * elements) * size_of(batch.dtype);
  InputRows rows(transform, batch.dtype, place, size);
  switch (batch.dtype) {
    case DType::f32:
    case DType::u8: return rows;
    case DType::f16:
    case DType::bf16:
    case DType::f64: rows.row_.resize(static_cast<size_t>(3 * size.width)); return rows;
    default: return unsupported("an input of type {}", name_of(batch.dtype));
  }
}

/// value(x, c) to column x, channel c of row y.
template <class T, class Value>
void InputRows::scatter(int64_t y, Value value) const {
  const bool nchw = transform_->spec().layout == image::Layout::nchw;
  const int64_t plane = size_.height * size_.width, column = nchw ? 1 : 3, channel = nchw ? plane : 1;
  T* to = static_cast<T*>(place_) + y * size_.width * column;
  for (int64_t x = 0; x < size_.width; ++x)
    for (int64_t c = 0; c < 3; ++c) to[x * column + c * channel] = value(x, c);
}

template <class T>
void InputRows::convert(int64_t y) {
  const bool nchw = transform_->spec().layout == image::Layout::nchw;
  const int64_t column = nchw ? 1 : 3, channel = nchw ? size_.width : 1;
  scatter<T>(y,
             [&](int64_t x, int64_t c) { return static_cast<T>(row_[static_cast<size_t>(x * column + c * channel)]); });
}

void InputRows::write(int64_t y, const uint8_t* rgb) {
  if (dtype_ == DType::f32) return transform_->normalize_row(rgb, y, size_, static_cast<float*>(place_));
  if (dtype_ == DType::u8) {
    const bool is_rgb = transform_->spec().order == image::ChannelOrder::rgb;
    if (is_rgb && transform_->spec().layout == image::Layout::nhwc) {
      std::copy_n(rgb, 3 * size_.width, static_cast<uint8_t*>(place_) + 3 * y * size_.width);
      return;
    }
    return scatter<uint8_t>(y, [&](int64_t x, int64_t c) { return rgb[3 * x + (is_rgb ? c : 2 - c)]; });
  }
  transform_->normalize_row(rgb, 0, {1, size_.width}, row_.data());
  if (dtype_ == DType::f16) convert<f16>(y);
  if (dtype_ == DType::bf16) convert<bf16>(y);
  if (dtype_ == DType::f64) convert<double>(y);
}

Result<void> write_input(const image::Transform& transform, image::ImageView pixels, MutableView batch, int64_t index) {
  InputRows rows = FOVEA_TRY(InputRows::create(transform, batch, index, pixels.size()));
  for (int64_t y = 0; y < pixels.height; ++y) rows.write(y, pixels.row(y));
  return {};
}

}  // namespace fovea::tasks
