#include "cpu/steps/narrow_weight.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/error.h"

namespace fovea::cpu {
namespace {

using kernels::NarrowFormat;

struct Storage {
  NarrowFormat format;
  uint8_t flip = 0, less = 0;  // as in kernels::NarrowSource
  std::string_view name;

  /// A zero point as the stored numbers have it.
  uint8_t stored(uint8_t zero) const { return static_cast<uint8_t>((zero ^ flip) - less); }
};

Storage storage_of(const LowerNode& node, DType dtype) {
  const bool few = node.integer("bits", 8) == 4;
  if (dtype == DType::f16) return {NarrowFormat::f16, 0, 0, "f16"};
  if (dtype == DType::bf16) return {NarrowFormat::bf16, 0, 0, "bf16"};
  if (dtype == DType::u8) return {few ? NarrowFormat::u4 : NarrowFormat::u8, 0, 0, few ? "u4" : "u8"};
  if (few) return {NarrowFormat::u4, 0x80, 0x78, "i4"};
  return {NarrowFormat::u8, 0x80, 0, "i8"};
}

/// Numbers {blocks, columns} as [panels][blocks][panel columns]; those of columns beyond the last are zero.
template <class T, class Change>
void pack_parameters(const T* from, int64_t blocks, int64_t columns, int64_t width, T* to, Change change) {
  for (int64_t p = 0; p < ceil_div(columns, width); ++p)
    for (int64_t b = 0; b < blocks; ++b, to += width)
      for (int64_t n = p * width; n < std::min(columns, (p + 1) * width); ++n)
        to[n - p * width] = change(from[b * columns + n]);
}

}  // namespace

bool is_narrow(const LinearForm& form) { return form.weight->dtype() != DType::f32; }

Result<PackedNarrow> pack_narrow_weight(const LowerNode& node, const LinearForm& form, int64_t columns) {
  const Tensor weight = *form.weight;
  const Storage storage = storage_of(node, weight.dtype());
  PackedNarrow made;
  made.panels.format = storage.format;
  made.panels.columns = columns;
  made.panels.depth = form.depth;
  made.panels.block = form.depth;
  const int64_t panels = ceil_div(form.columns, columns);
  const std::string recipe = fmt::format("narrow {} {} {}", storage.name, columns, form.transposed);
  made.numbers = FOVEA_TRY(node.weights.get(
      weight, recipe,
      TensorType{DType::u8, {panels * kernels::narrow_panel_bytes(storage.format, columns, form.depth)}},
      [storage, columns, weight, depth = form.depth, n = form.columns, transposed = form.transposed](void* to) {
        kernels::NarrowSource source{weight.raw(), n, depth, transposed ? depth : 1, transposed ? 1 : n};
        source.flip = storage.flip;
        source.less = storage.less;
        kernels::pack_narrow(storage.format, columns, source, static_cast<std::byte*>(to));
      }));
  made.panels.numbers = made.numbers.data<std::byte>();
  const Tensor *scale = node.constant(4), *zero = node.constant(5);
  if (scale == nullptr) return made;
  if (const int64_t block = node.integer("block_size", 0); block > 0) made.panels.block = std::min(block, form.depth);
  const int64_t blocks = scale->shape()[0], count = panels * blocks * columns;
  made.scales = FOVEA_TRY(node.weights.get(*scale, recipe + " scales", TensorType{DType::f32, {count}},
                                           [source = *scale, blocks, columns, n = form.columns](void* to) {
                                             pack_parameters(source.data<float>(), blocks, n, columns,
                                                             static_cast<float*>(to), [](float s) { return s; });
                                           }));
  made.panels.scales = made.scales.data<float>();
  made.panels.zero = storage.stored(0);
  if (zero == nullptr) return made;
  made.zeros = FOVEA_TRY(node.weights.get(*zero, recipe + " zeros", TensorType{DType::u8, {count}},
                                          [storage, source = *zero, blocks, columns, n = form.columns](void* to) {
                                            pack_parameters(source.data<uint8_t>(), blocks, n, columns,
                                                            static_cast<uint8_t*>(to),
                                                            [storage](uint8_t z) { return storage.stored(z); });
                                          }));
  made.panels.zeros = made.zeros.data<uint8_t>();
  return made;
}

}  // namespace fovea::cpu
