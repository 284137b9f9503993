#include "ops/elementwise.h"

#include <algorithm>
#include <cstddef>

#include "ops/dispatch.h"

namespace fovea::ops {
namespace {

// A byte that is neither 0 nor 1 is no valid bool for C++, but a file may hold it.
template <class T>
using Stored = std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>;

template <class... Ts, class Body>
void with_type(TypeList<Ts...>, DType dtype, Body body) {
  (void)((dtype == dtype_of<Ts> && (body.template operator()<Ts>(), true)) || ...);
}

}  // namespace

template <class C>
void read_block(DType dtype, const void* from, int64_t n, C* to) {
  with_type(AllTypes{}, dtype, [&]<class T>() {
    const auto* x = static_cast<const Stored<T>*>(from);
    if constexpr (std::is_same_v<T, bool>)
      map_block(to, n, [&](int64_t i) { return static_cast<C>(x[i] != 0); });
    else
      map_block(to, n, [&](int64_t i) { return convert<C>(x[i]); });
  });
}

template <class C>
void write_block(const C* from, int64_t n, DType dtype, void* to) {
  with_type(AllTypes{}, dtype,
            [&]<class T>() { map_block(static_cast<T*>(to), n, [&](int64_t i) { return convert<T>(from[i]); }); });
}

BroadcastRows broadcast_rows(std::span<const std::span<const int64_t>> shapes, std::span<const int64_t> target) {
  const size_t operands = shapes.size();
  BroadcastRows rows;
  rows.strides.resize(operands);
  if (std::ranges::find(target, 0) != target.end()) return rows;
  std::vector<Shape> full;
  for (const auto& shape : shapes) full.push_back(broadcast_strides(shape, target));

  // From the innermost dimension outwards: one that continues where the one inside it ends joins it.
  for (size_t d = target.size(); d-- > 0;) {
    if (target[d] == 1) continue;
    bool joins = !rows.outer.empty();
    for (size_t k = 0; k < operands && joins; ++k) joins = full[k][d] == rows.strides[k].back() * rows.outer.back();
    if (joins) {
      rows.outer.back() *= target[d];
      continue;
    }
    rows.outer.push_back(target[d]);
    for (size_t k = 0; k < operands; ++k) rows.strides[k].push_back(full[k][d]);
  }
  std::ranges::reverse(rows.outer);
  for (Shape& strides : rows.strides) std::ranges::reverse(strides);

  rows.length = rows.outer.empty() ? 1 : rows.outer.back();
  for (size_t k = 0; k < operands; ++k) rows.repeats[k] = rows.outer.empty() || rows.strides[k].back() == 0;
  if (!rows.outer.empty()) {
    rows.outer.pop_back();
    for (Shape& strides : rows.strides) strides.pop_back();
  }
  return rows;
}

template <class C>
void for_each_block(Args in, const MutableView& out, const BlockFunction<C>& f) {
  const size_t operands = in.size();
  std::array<std::span<const int64_t>, kMaxOperands> shapes;
  std::array<Shape, kMaxOperands> strides;
  for (size_t k = 0; k < operands; ++k) shapes[k] = in[k].shape;
  const BroadcastRows rows = broadcast_rows(std::span(shapes).first(operands), out.shape);
  if (rows.length == 0) return;
  for (size_t k = 0; k < kMaxOperands; ++k) strides[k] = k < operands ? rows.strides[k] : Shape(rows.outer.size(), 0);

  alignas(64) C buffers[kMaxOperands][kBlock];
  alignas(64) C results[kBlock];
  std::array<bool, kMaxOperands> direct{};   // read where it lies
  std::array<int64_t, kMaxOperands> filled;  // for one that repeats: the element that its buffer is full of
  filled.fill(-1);
  for (size_t k = 0; k < operands; ++k)
    direct[k] = in[k].dtype == dtype_of<C> && !rows.repeats[k] && in[k].data != out.data;
  const bool write_direct = out.dtype == dtype_of<C>;

  const auto element = [](DType dtype, const void* base, int64_t index) {
    return static_cast<const std::byte*>(base) + index * static_cast<int64_t>(size_of(dtype));
  };
  int64_t row = 0;
  for_each_index(rows.outer, strides, [&](const std::array<int64_t, kMaxOperands>& offsets) {
    for (size_t k = 0; k < operands; ++k) {
      if (!rows.repeats[k] || filled[k] == offsets[k]) continue;
      C value;
      read_block(in[k].dtype, element(in[k].dtype, in[k].data, offsets[k]), 1, &value);
      std::fill_n(buffers[k], std::min(rows.length, kBlock), value);
      filled[k] = offsets[k];
    }
    for (int64_t at = 0; at < rows.length; at += kBlock) {
      const int64_t n = std::min(kBlock, rows.length - at);
      std::array<const C*, kMaxOperands> x{};
      for (size_t k = 0; k < operands; ++k) {
        x[k] = direct[k] ? in[k].as<C>() + offsets[k] + at : buffers[k];
        if (!direct[k] && !rows.repeats[k])
          read_block(in[k].dtype, element(in[k].dtype, in[k].data, offsets[k] + at), n, buffers[k]);
      }
      const int64_t to = row * rows.length + at;
      f(x.data(), write_direct ? out.as<C>() + to : results, n);
      if (!write_direct) write_block(results, n, out.dtype, const_cast<std::byte*>(element(out.dtype, out.data, to)));
    }
    ++row;
  });
}

#define FOVEA_FOR_COMPUTED(C)                                    \
  template void read_block<C>(DType, const void*, int64_t, C*);  \
  template void write_block<C>(const C*, int64_t, DType, void*); \
  template void for_each_block<C>(Args, const MutableView&, const BlockFunction<C>&);
FOVEA_FOR_COMPUTED(float)
FOVEA_FOR_COMPUTED(double)
FOVEA_FOR_COMPUTED(int64_t)
FOVEA_FOR_COMPUTED(uint64_t)
#undef FOVEA_FOR_COMPUTED

}  // namespace fovea::ops
