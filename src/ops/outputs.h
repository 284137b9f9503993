// The last step of a shape rule: the output's type, with extents that may have come from hostile values checked.
#pragma once

#include "base/error.h"
#include "ops/operator.h"

namespace fovea::ops {

/// Far above what models use; bounds what a hostile list of axes or extents can cost.
inline constexpr int64_t kMaxRank = 64;

inline Result<void> check_rank(size_t rank) {
  if (rank <= static_cast<size_t>(kMaxRank)) return {};
  return unsupported("a tensor of rank {}; fovea goes up to {}", rank, kMaxRank);
}

/// Error: a negative extent, more than 2^63 bytes, a rank beyond kMaxRank.
inline Result<TensorType> checked_output(DType dtype, Shape shape) {
  FOVEA_TRY(check_rank(shape.size()));
  FOVEA_TRY(checked_bytes(dtype, shape));
  return TensorType{dtype, std::move(shape)};
}

/// The same for operators with one output.
inline Result<Types> one_output(DType dtype, Shape shape) {
  return Types{FOVEA_TRY(checked_output(dtype, std::move(shape)))};
}

}  // namespace fovea::ops
