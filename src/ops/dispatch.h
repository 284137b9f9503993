// From a dtype at run time to a C++ type: dispatch<Floats>(dtype, [&]<class T>() { ... }).
#pragma once

#include <type_traits>

#include "base/error.h"
#include "fovea/dtype.h"

namespace fovea::ops {

template <class... Ts>
struct TypeList {};

using FloatTypes = TypeList<float, double, f16, bf16>;
using IntegerTypes = TypeList<int8_t, uint8_t, int16_t, uint16_t, int32_t, uint32_t, int64_t, uint64_t>;
using NumberTypes =
    TypeList<float, double, f16, bf16, int8_t, uint8_t, int16_t, uint16_t, int32_t, uint32_t, int64_t, uint64_t>;
using AllTypes =
    TypeList<float, double, f16, bf16, int8_t, uint8_t, int16_t, uint16_t, int32_t, uint32_t, int64_t, uint64_t, bool>;
/// One type per element size, for operators that only move elements.
using SizeTypes = TypeList<uint8_t, uint16_t, uint32_t, uint64_t>;

/// Calls body.template operator()<T>() for the T of the list that `dtype` names; the body returns void or Result<void>.
/// Error: internal where the list lacks it (the shape rule should have refused it).
template <class... Ts, class Body>
Result<void> dispatch_list(TypeList<Ts...>, DType dtype, Body&& body) {
  Result<void> result;
  const auto run = [&]<class T>() {
    if constexpr (std::is_void_v<decltype(body.template operator()<T>())>)
      body.template operator()<T>();
    else
      result = body.template operator()<T>();
    return true;
  };
  const bool found = ((dtype == dtype_of<Ts> && run.template operator()<Ts>()) || ...);
  if (!found) return internal("no kernel for {}", name_of(dtype));
  return result;
}
template <class List, class Body>
Result<void> dispatch(DType dtype, Body&& body) {
  return dispatch_list(List{}, dtype, std::forward<Body>(body));
}

/// Calls the body with an unsigned type of the dtype's size.
template <class Body>
Result<void> dispatch_size(DType dtype, Body&& body) {
  constexpr DType by_size[] = {DType::u8,  DType::u8,  DType::u16, DType::u16, DType::u32,
                               DType::u32, DType::u32, DType::u32, DType::u64};
  return dispatch<SizeTypes>(by_size[size_of(dtype)], std::forward<Body>(body));
}

/// The type in which single operations on T are done: float for the 16-bit floats, T itself otherwise.
template <class T>
using Compute = std::conditional_t<std::is_same_v<T, f16> || std::is_same_v<T, bf16>, float, T>;

/// The type in which sums over T are kept: wide enough that the order of summation does not show.
template <class T>
using Accumulator = std::conditional_t<std::is_floating_point_v<Compute<T>>, double,
                                       std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>;

}  // namespace fovea::ops
