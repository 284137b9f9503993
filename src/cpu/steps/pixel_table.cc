#include "cpu/steps/pixel_table.h"

#include <cstring>

namespace fovea::cpu {

std::optional<PixelTable> PixelTable::of(const LowerNode& node, size_t input, DType numbers) {
  const Tensor* table = node.constant(input);
  if (table == nullptr) return std::nullopt;
  PixelTable result;
  result.numbers_ = numbers;
  result.channels_ = table->rank() == 1 ? 1 : table->shape()[0];
  result.values_.resize(static_cast<size_t>(table->size()) * size_of(numbers));
  const auto fill = [&]<class Number>(Number* to) {
    for (int64_t i = 0; i < table->size(); ++i)
      to[i] = table->dtype() == DType::f32 ? static_cast<Number>(table->data<float>()[i])
                                           : static_cast<Number>(table->data<uint8_t>()[i]);
  };
  switch (numbers) {
    case DType::f32: fill(reinterpret_cast<float*>(result.values_.data())); break;
    case DType::bf16: fill(reinterpret_cast<bf16*>(result.values_.data())); break;
    case DType::i16: fill(reinterpret_cast<int16_t*>(result.values_.data())); break;
    default: fill(reinterpret_cast<uint8_t*>(result.values_.data())); break;
  }
  return result;
}

template <class Number>
void PixelTable::look_up(const Number* table, int64_t channels, const uint8_t* x, int64_t pixels, Number* to) {
  if (channels == 3) {
    for (int64_t p = 0; p < pixels; ++p, x += 3, to += 3) {
      to[0] = table[x[0]];
      to[1] = table[256 + x[1]];
      to[2] = table[512 + x[2]];
    }
    return;
  }
  for (int64_t p = 0; p < pixels; ++p)
    for (int64_t c = 0; c < channels; ++c) *to++ = table[c * 256 + *x++];
}

void PixelTable::copy(const uint8_t* x, int64_t pixels, void* to) const {
  const auto run = [&]<class Number>(Number* numbers) {
    look_up(reinterpret_cast<const Number*>(values_.data()), channels_, x, pixels, numbers);
  };
  switch (numbers_) {
    case DType::f32: return run(static_cast<float*>(to));
    case DType::bf16: return run(static_cast<bf16*>(to));
    case DType::i16: return run(static_cast<int16_t*>(to));
    default: return run(static_cast<uint8_t*>(to));
  }
}

LowerNode without_table(const LowerNode& node) {
  LowerNode plain = node;
  if (node.has(ops::kConvPixels)) plain.inputs[0].dtype = DType::f32;
  return plain;
}

}  // namespace fovea::cpu
