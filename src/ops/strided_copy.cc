#include "ops/strided_copy.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "ops/dispatch.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

// The two innermost axes, element by element.
template <class T>
void copy_plane(const StridedBox& box, const T* source, T* target) {
  const size_t rank = box.extents.size();
  const int64_t length = box.extents[rank - 1], from = box.from[rank - 1], to = box.to[rank - 1];
  const int64_t rows = rank > 1 ? box.extents[rank - 2] : 1;
  for (int64_t r = 0; r < rows; ++r) {
    const T* x = rank > 1 ? source + r * box.from[rank - 2] : source;
    T* y = rank > 1 ? target + r * box.to[rank - 2] : target;
    if (from == 0 && to == 1)
      std::fill_n(y, length, *x);
    else
      for (int64_t i = 0; i < length; ++i) y[i * to] = x[i * from];
  }
}

void copy_by_size(const StridedBox& box, size_t size, const std::byte* source, std::byte* target) {
  switch (size) {
    case 1: return copy_plane(box, reinterpret_cast<const uint8_t*>(source), reinterpret_cast<uint8_t*>(target));
    case 2: return copy_plane(box, reinterpret_cast<const uint16_t*>(source), reinterpret_cast<uint16_t*>(target));
    case 4: return copy_plane(box, reinterpret_cast<const uint32_t*>(source), reinterpret_cast<uint32_t*>(target));
    default: return copy_plane(box, reinterpret_cast<const uint64_t*>(source), reinterpret_cast<uint64_t*>(target));
  }
}

// Entries of the last mapped axis that lie together in the input, or are all fill.
struct Run {
  int64_t out, in, length;  // `in` is -1 for fill
};

std::vector<Run> runs_of(const std::vector<int64_t>& map) {
  std::vector<Run> runs;
  for (size_t i = 0; i < map.size(); ++i) {
    const bool joins =
        !runs.empty() &&
        (map[i] < 0 ? runs.back().in < 0 : runs.back().in >= 0 && map[i] == runs.back().in + runs.back().length);
    if (joins)
      ++runs.back().length;
    else
      runs.push_back({static_cast<int64_t>(i), std::max<int64_t>(map[i], -1), 1});
  }
  return runs;
}

// Constant sizes let the compiler replace the call by a move.
void copy_bytes(const std::byte* x, int64_t n, std::byte* y) {
  switch (n) {
    case 1: std::memcpy(y, x, 1); break;
    case 2: std::memcpy(y, x, 2); break;
    case 4: std::memcpy(y, x, 4); break;
    case 8: std::memcpy(y, x, 8); break;
    default: std::memcpy(y, x, static_cast<size_t>(n));
  }
}

void fill_bytes(const std::vector<std::byte>& element, int64_t count, std::byte* y) {
  const auto size = static_cast<int64_t>(element.size());
  for (int64_t i = 0; i < count; ++i) copy_bytes(element.data(), size, y + i * size);
}

}  // namespace

StridedBox simplified(const StridedBox& box) {
  StridedBox result;
  for (size_t i = 0; i < box.extents.size(); ++i) {
    const int64_t extent = box.extents[i];
    if (extent == 1) continue;
    const bool joins =
        !result.extents.empty() && result.from.back() == box.from[i] * extent && result.to.back() == box.to[i] * extent;
    if (joins) {
      result.extents.back() *= extent;
      result.from.back() = box.from[i];
      result.to.back() = box.to[i];
    } else {
      result.extents.push_back(extent);
      result.from.push_back(box.from[i]);
      result.to.push_back(box.to[i]);
    }
  }
  return result;
}

void strided_copy(const StridedBox& full, size_t element_size, const void* source, void* target) {
  if (element_count(full.extents) == 0) return;
  StridedBox box = simplified(full);
  if (box.extents.empty()) box = {{1}, {1}, {1}};
  const bool run = box.from.back() == 1 && box.to.back() == 1;
  const size_t inner = std::min<size_t>(run ? 1 : 2, box.extents.size());
  const size_t outer = box.extents.size() - inner;
  const std::array<Shape, 2> strides = {Shape(box.from.begin(), box.from.begin() + static_cast<int64_t>(outer)),
                                        Shape(box.to.begin(), box.to.begin() + static_cast<int64_t>(outer))};
  const auto size = static_cast<int64_t>(element_size);
  const auto* x = static_cast<const std::byte*>(source);
  auto* y = static_cast<std::byte*>(target);
  for_each_index(std::span<const int64_t>(box.extents).first(outer), strides, [&](const std::array<int64_t, 2>& at) {
    if (run)
      std::memcpy(y + at[1] * size, x + at[0] * size, static_cast<size_t>(box.extents.back() * size));
    else
      copy_by_size(box, element_size, x + at[0] * size, y + at[1] * size);
  });
}

void copy_all(const TensorView& from, const MutableView& to) {
  if (const auto bytes = static_cast<size_t>(from.size()) * size_of(from.dtype); bytes > 0)
    std::memcpy(to.data, from.data, bytes);
}

void copy_mapped(const TensorView& in, const AxisMaps& maps, const void* fill, const MutableView& out) {
  if (out.size() == 0) return;
  // Trailing axes that are not mapped move as one block.
  size_t depth = maps.size();
  while (depth > 0 && maps[depth - 1].empty()) --depth;
  if (depth == 0) return copy_all(in, out);
  std::vector<std::byte> element(size_of(in.dtype));
  if (fill != nullptr) std::memcpy(element.data(), fill, element.size());

  const Shape strides = strides_of(in.shape);
  const size_t last = depth - 1;
  const std::vector<Run> runs = runs_of(maps[last]);
  const int64_t block = strides_of(out.shape)[last];  // elements below the last mapped axis
  const int64_t row = out.shape[last] * block, rows = out.size() / row;
  const auto size = static_cast<int64_t>(element.size());
  std::vector<int64_t> index(last, 0), offset(last + 1, 0);  // offset[d] is where axes 0 to d - 1 lead; -1 means fill
  size_t changed = 0;
  for (int64_t r = 0; r < rows; ++r) {
    for (size_t d = changed; d < last; ++d) {
      const int64_t at = maps[d].empty() ? index[d] : maps[d][static_cast<size_t>(index[d])];
      offset[d + 1] = offset[d] < 0 || at < 0 ? -1 : offset[d] + at * strides[d];
    }
    std::byte* y = elements(out, r * row);
    if (offset[last] < 0)
      fill_bytes(element, row, y);
    else
      for (const Run& run : runs)
        if (run.in < 0)
          fill_bytes(element, run.length * block, y + run.out * block * size);
        else
          copy_bytes(elements(in, offset[last] + run.in * strides[last]), run.length * block * size,
                     y + run.out * block * size);
    for (changed = last; changed > 0 && ++index[changed - 1] == out.shape[changed - 1];) index[--changed] = 0;
    if (changed > 0) --changed;
  }
}

}  // namespace fovea::ops
