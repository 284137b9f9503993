// Tensors and values of LibTorch as the border's.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>

#include <string>
#include <vector>

#include "plugin.h"

namespace fovea::plugin {

/// The type of a tensor on the border; -1 for one that it has not (complex, quantized).
int32_t to_dtype(at::ScalarType type);
/// Throws for a dtype that this LibTorch has not.
at::ScalarType to_scalar_type(int32_t dtype);

/// The caller's memory as a tensor, without a copy.
at::Tensor wrap(const fovea_tensor& tensor);
/// A tensor of zeros; open extents count as 1, an open dtype as float.
at::Tensor zeros(const Port& port);

struct Named {
  std::string name;
  at::Tensor tensor;
};
/// The tensors in a value, in their order: lists, tuples and dictionaries are opened, and their places become part of
/// the name. Throws FOVEA_UNSUPPORTED for anything that is no tensor.
std::vector<Named> flatten(const at::IValue& value);

/// Copies the tensor to the place of output `i`, from whatever device and layout; half precision becomes fp32 where
/// `widen` says so. One copy in all.
void deliver(const at::Tensor& tensor, size_t i, bool widen, Outputs& places);

/// What LibTorch says in an exception, without its stack and on one line.
std::string message_of(const std::exception& e);

}  // namespace fovea::plugin
