// TensorProto to Tensor: raw, typed and external data.
#pragma once

#include <memory>
#include <span>
#include <unordered_map>

#include "fovea/result.h"
#include "fovea/tensor.h"
#include "onnx/external.h"
#include "onnx/onnx_wire.pb.h"

namespace fovea::onnx {

/// Where tensors find their bytes.
struct TensorSource {
  std::span<const std::byte> file;    // what raw_offset counts in
  std::shared_ptr<const void> owner;  // keeps `file` alive
  ExternalFiles external;
  int64_t budget = 0;                                         // bytes of external data that may still be mapped
  std::unordered_map<const wire::Tensor*, Tensor> read = {};  // a function's tensors are asked for by each of its calls
};

/// The tensor points into the file or its external data. It is copied only where it must be: typed data, bytes that
/// are not aligned for their type, bools that are neither 0 nor 1. Error: unsupported for an element type that fovea
/// lacks; invalid_model for extents or sizes that do not fit together; those of ExternalFiles.
Result<Tensor> to_tensor(const wire::Tensor& proto, TensorSource& source);

/// Integers of 4 bits (INT4, UINT4), of which fovea has no tensors, as i8 or u8. For those alone who know that the
/// numbers are only read. Errors as above.
bool has_4_bits(const wire::Tensor& proto);
Result<Tensor> to_wider_tensor(const wire::Tensor& proto, TensorSource& source);

}  // namespace fovea::onnx
