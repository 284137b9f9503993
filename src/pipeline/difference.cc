#include "pipeline/difference.h"

#include <cmath>
#include <limits>
#include <vector>

#include "base/error.h"

namespace fovea::pipeline {
namespace {

template <class T>
std::vector<double> doubles(const Tensor& tensor) {
  std::vector<double> values;
  values.reserve(static_cast<size_t>(tensor.size()));
  for (const T& element : tensor.values<T>()) values.push_back(static_cast<double>(element));
  return values;
}

std::vector<double> doubles(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::f32: return doubles<float>(tensor);
    case DType::f64: return doubles<double>(tensor);
    case DType::f16: return doubles<f16>(tensor);
    case DType::bf16: return doubles<bf16>(tensor);
    case DType::i8: return doubles<int8_t>(tensor);
    case DType::u8: return doubles<uint8_t>(tensor);
    case DType::i16: return doubles<int16_t>(tensor);
    case DType::u16: return doubles<uint16_t>(tensor);
    case DType::i32: return doubles<int32_t>(tensor);
    case DType::u32: return doubles<uint32_t>(tensor);
    case DType::i64: return doubles<int64_t>(tensor);
    case DType::u64: return doubles<uint64_t>(tensor);
    case DType::boolean: return doubles<bool>(tensor);
  }
  return {};
}

std::span<const int64_t> without_ones(std::span<const int64_t> shape) {
  while (!shape.empty() && shape.front() == 1) shape = shape.subspan(1);
  return shape;
}

Shape place_of(int64_t index, const Shape& shape) {
  Shape place(shape.size());
  for (size_t d = shape.size(); d-- > 0; index /= shape[d]) place[d] = index % shape[d];
  return place;
}

}  // namespace

Result<Difference> difference(const Tensor& ours, const Tensor& theirs) {
  const auto a = without_ones(ours.shape()), b = without_ones(theirs.shape());
  if (!std::equal(a.begin(), a.end(), b.begin(), b.end()))
    return invalid_argument("{} here, {} there", to_string(ours.type()), to_string(theirs.type()));
  const std::vector<double> x = doubles(ours), y = doubles(theirs);
  Difference result;
  double sum = 0, squares = 0, norm = 0;
  int64_t largest = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    double apart = std::fabs(x[i] - y[i]);
    if (std::isnan(apart)) {
      const bool same = (std::isnan(x[i]) && std::isnan(y[i])) || x[i] == y[i];
      apart = same ? 0 : std::numeric_limits<double>::infinity();
    }
    result.differing += apart > 0;
    sum += apart;
    squares += apart * apart;
    if (std::isfinite(y[i])) norm += y[i] * y[i];
    if (apart > result.max) {
      result.max = apart;
      largest = static_cast<int64_t>(i);
    }
  }
  if (x.empty()) return result;
  result.mean = sum / static_cast<double>(x.size());
  if (squares > 0) result.rel_l2 = norm > 0 ? std::sqrt(squares / norm) : std::numeric_limits<double>::infinity();
  result.where = place_of(largest, theirs.shape());
  result.ours = x[static_cast<size_t>(largest)];
  result.theirs = y[static_cast<size_t>(largest)];
  return result;
}

}  // namespace fovea::pipeline
