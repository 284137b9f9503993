#include "bench/distance.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace fovea::bench {
namespace {

template <class T>
void widen(const Tensor& tensor, std::vector<double>& out) {
  for (const T& value : tensor.values<T>()) out.push_back(static_cast<double>(value));
}

std::vector<double> values_of(const Tensor& tensor) {
  std::vector<double> out;
  out.reserve(static_cast<size_t>(tensor.size()));
  switch (tensor.dtype()) {
    case DType::f32: widen<float>(tensor, out); break;
    case DType::f64: widen<double>(tensor, out); break;
    case DType::f16: widen<f16>(tensor, out); break;
    case DType::bf16: widen<bf16>(tensor, out); break;
    case DType::i8: widen<int8_t>(tensor, out); break;
    case DType::u8: widen<uint8_t>(tensor, out); break;
    case DType::i16: widen<int16_t>(tensor, out); break;
    case DType::u16: widen<uint16_t>(tensor, out); break;
    case DType::i32: widen<int32_t>(tensor, out); break;
    case DType::u32: widen<uint32_t>(tensor, out); break;
    case DType::i64: widen<int64_t>(tensor, out); break;
    case DType::u64: widen<uint64_t>(tensor, out); break;
    case DType::boolean: widen<bool>(tensor, out); break;
  }
  return out;
}

struct Sums {
  double difference2 = 0, reference2 = 0, largest = 0;
  int64_t count = 0;
  void add(double value, double reference) {
    ++count;
    if (std::isnan(value) && std::isnan(reference)) return;
    if (std::isfinite(reference)) reference2 += reference * reference;
    double difference = value == reference ? 0 : std::fabs(value - reference);  // infinities of one sign are equal
    if (std::isnan(difference)) difference = std::numeric_limits<double>::infinity();
    difference2 += difference * difference;
    largest = std::max(largest, difference);
  }
};

}  // namespace

Result<Distance> distance(std::span<const Tensor> outputs, std::span<const Tensor> reference) {
  if (outputs.size() != reference.size())
    return invalid_argument("there are {} outputs, the reference has {}", outputs.size(), reference.size());
  Sums sums;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].shape() != reference[i].shape())
      return invalid_argument("output {} is {}, the reference's is {}", i, to_string(outputs[i].type()),
                              to_string(reference[i].type()));
    const std::vector<double> values = values_of(outputs[i]), expected = values_of(reference[i]);
    for (size_t k = 0; k < values.size(); ++k) sums.add(values[k], expected[k]);
  }
  if (sums.largest == 0) return Distance{0, 0};
  const double rms = std::sqrt(sums.reference2 / static_cast<double>(sums.count));
  return Distance{std::sqrt(sums.difference2 / sums.reference2), sums.largest / rms};  // by zero: infinite
}

}  // namespace fovea::bench
