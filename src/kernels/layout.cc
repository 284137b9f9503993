#include "kernels/layout.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/interleave.h"

namespace fovea::kernels {
namespace {

/// Rows that both sides hold one element behind the other.
template <class T>
void copy_rows(const T* from, T* to, int64_t rows, int64_t columns, int64_t from_stride, int64_t to_stride) {
  for (int64_t r = 0; r < rows; ++r)
    std::memcpy(to + r * to_stride, from + r * from_stride, static_cast<size_t>(columns) * sizeof(T));
}

/// Few planes become few channels, as when a photo's colours are put side by side: each plane is read once, in order.
template <int kColumns, class T>
void interleave(const T* from, T* to, int64_t rows, int64_t from_stride, int64_t to_stride) {
  for (int64_t r = 0; r < rows; ++r)
    for (int c = 0; c < kColumns; ++c) to[r * to_stride + c] = from[r + c * from_stride];
}

/// Few channels become few planes.
template <int kRows, class T>
void separate(const T* from, T* to, int64_t columns, int64_t from_stride, int64_t to_stride) {
  for (int64_t c = 0; c < columns; ++c)
    for (int r = 0; r < kRows; ++r) to[r * to_stride + c] = from[r + c * from_stride];
}

/// The reader's consecutive axis is the writer's outer one: blocks that fit the L1 cache on both sides.
template <class T>
void transpose(const T* from, T* to, int64_t rows, int64_t columns, int64_t from_stride, int64_t to_stride) {
  constexpr int64_t kBlock = 16;
  if constexpr (std::is_same_v<T, uint32_t>)
    if (columns == 3 && to_stride == 3) return interleave_three(from, from_stride, to, rows);
  if (columns == 2) return interleave<2>(from, to, rows, from_stride, to_stride);
  if (columns == 3) return interleave<3>(from, to, rows, from_stride, to_stride);
  if (columns == 4) return interleave<4>(from, to, rows, from_stride, to_stride);
  if (rows == 2) return separate<2>(from, to, columns, from_stride, to_stride);
  if (rows == 3) return separate<3>(from, to, columns, from_stride, to_stride);
  if (rows == 4) return separate<4>(from, to, columns, from_stride, to_stride);
  // to[r * to_stride + c] = from[r + c * from_stride]
  for (int64_t c0 = 0; c0 < columns; c0 += kBlock) {
    const int64_t c1 = std::min(columns, c0 + kBlock);
    for (int64_t r0 = 0; r0 < rows; r0 += kBlock) {
      const int64_t r1 = std::min(rows, r0 + kBlock);
      if (c1 - c0 == kBlock && r1 - r0 == kBlock) {
        for (int64_t r = r0; r < r0 + kBlock; ++r)
          for (int64_t c = c0; c < c0 + kBlock; ++c) to[r * to_stride + c] = from[r + c * from_stride];
      } else {
        for (int64_t r = r0; r < r1; ++r)
          for (int64_t c = c0; c < c1; ++c) to[r * to_stride + c] = from[r + c * from_stride];
      }
    }
  }
}

template <class T>
void copy_plane(const T* from, T* to, int64_t rows, int64_t columns, int64_t from_row, int64_t from_column,
                int64_t to_row, int64_t to_column) {
  if (from_column == 1 && to_column == 1) return copy_rows(from, to, rows, columns, from_row, to_row);
  if (from_row == 1 && to_column == 1) return transpose(from, to, rows, columns, from_column, to_row);
  for (int64_t r = 0; r < rows; ++r) {
    const T* f = from + r * from_row;
    T* t = to + r * to_row;
    if (from_column == 0 && to_column == 1) {
      std::fill(t, t + columns, *f);
    } else if (from_column == 2 && to_column == 1) {
      for (int64_t c = 0; c < columns; ++c) t[c] = f[2 * c];
    } else if (from_column == 1 && to_column == 2) {
      for (int64_t c = 0; c < columns; ++c) t[2 * c] = f[c];
    } else {
      for (int64_t c = 0; c < columns; ++c) t[c * to_column] = f[c * from_column];
    }
  }
}

template <class T>
void copy_typed(const StridedCopy& copy, const T* from, T* to, int64_t begin, int64_t end) {
  int64_t index[kMaxCopyRank] = {};
  const int outer = std::max(0, copy.rank - 2);  // axes that are walked here; the last two are a plane
  const auto axis = [&](int d, const int64_t* values, int64_t otherwise) { return d >= 0 ? values[d] : otherwise; };
  const int row = copy.rank - 2, column = copy.rank - 1;
  int64_t rows = axis(row, copy.extents, 1);
  const int64_t columns = axis(column, copy.extents, 1);
  if (copy.rank == 2) {
    rows = end - begin;
    from += begin * copy.from[0];
    to += begin * copy.to[0];
  } else if (copy.rank == 1) {
    copy_plane(from + begin * copy.from[0], to + begin * copy.to[0], 1, end - begin, 0, copy.from[0], 0, copy.to[0]);
    return;
  } else if (copy.rank > 2) {
    index[0] = begin;
    from += begin * copy.from[0];
    to += begin * copy.to[0];
  }
  for (;;) {
    copy_plane(from, to, rows, columns, axis(row, copy.from, 0), axis(column, copy.from, 1), axis(row, copy.to, 0),
               axis(column, copy.to, 1));
    int d = outer - 1;
    for (; d >= 0; --d) {
      from += copy.from[d];
      to += copy.to[d];
      if (++index[d] < (d == 0 ? end : copy.extents[d])) break;
      if (d == 0) return;
      from -= copy.from[d] * copy.extents[d];
      to -= copy.to[d] * copy.extents[d];
      index[d] = 0;
    }
    if (d < 0) return;
  }
}

}  // namespace

StridedCopy simplify(const StridedCopy& copy) {
  StridedCopy result;
  result.element = copy.element;
  for (int d = 0; d < copy.rank; ++d) {
    if (copy.extents[d] == 1) continue;
    const int last = result.rank - 1;
    if (last >= 0 && result.from[last] == copy.from[d] * copy.extents[d] &&
        result.to[last] == copy.to[d] * copy.extents[d]) {
      result.extents[last] *= copy.extents[d];
      result.from[last] = copy.from[d];
      result.to[last] = copy.to[d];
      continue;
    }
    result.extents[result.rank] = copy.extents[d];
    result.from[result.rank] = copy.from[d];
    result.to[result.rank] = copy.to[d];
    ++result.rank;
  }
  if (result.rank == 0) {
    result.rank = 1;
    result.extents[0] = 1;
    result.from[0] = result.to[0] = 1;
  }
  return result;
}

void copy_strided(const StridedCopy& copy, const void* from, void* to, int64_t begin, int64_t end) {
  if (begin >= end) return;
  for (int d = 1; d < copy.rank; ++d)
    if (copy.extents[d] <= 0) return;
  switch (copy.element) {
    case 1: return copy_typed(copy, static_cast<const uint8_t*>(from), static_cast<uint8_t*>(to), begin, end);
    case 2: return copy_typed(copy, static_cast<const uint16_t*>(from), static_cast<uint16_t*>(to), begin, end);
    case 4: return copy_typed(copy, static_cast<const uint32_t*>(from), static_cast<uint32_t*>(to), begin, end);
    default: return copy_typed(copy, static_cast<const uint64_t*>(from), static_cast<uint64_t*>(to), begin, end);
  }
}

}  // namespace fovea::kernels
