// Operands as the wide types in which the reference kernels sum: double for floats; for integers uint64_t, whose
// arithmetic modulo 2^64 every narrower integer, signed or not, keeps the low bits of.
#pragma once

#include "ops/elementwise.h"

namespace fovea::ops {

/// The operand with its elements as C, which is double or uint64_t; without a copy where it has that type already (the
/// operand must then outlive the result). Error: out_of_memory.
template <class C>
Result<Tensor> widen(const TensorView& x) {
  Shape shape(x.shape.begin(), x.shape.end());
  if (x.dtype == dtype_of<C>) return Tensor::wrap(nullptr, x.data, x.dtype, std::move(shape));
  Tensor wide = FOVEA_TRY(Tensor::allocate(dtype_of<C>, std::move(shape)));
  read_block(x.dtype, x.data, x.size(), wide.mutable_view().template as<C>());
  return wide;
}

/// Writes n elements to `to` from its element `offset` on, rounded to its type.
template <class C>
void narrow(const C* from, int64_t n, const MutableView& to, int64_t offset = 0) {
  write_block(from, n, to.dtype, to.as<std::byte>() + offset * static_cast<int64_t>(size_of(to.dtype)));
}

/// Calls body.template operator()<C>() with the C to which operands of this dtype are widened.
template <class Body>
Result<void> dispatch_wide(DType dtype, Body&& body) {
  return is_float(dtype) ? body.template operator()<double>() : body.template operator()<uint64_t>();
}

/// The type of an output. Error: invalid_model where its shape is negative or has more bytes than int64_t counts.
Result<TensorType> checked_type(DType dtype, Shape shape);

}  // namespace fovea::ops
