// The transforms of Winograd's filtering, written once with Highway, and its products by the tiles of the matrix
// product.
#include "kernels/winograd.h"

#include <algorithm>

#include "kernels/dispatch.h"

#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/winograd.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef FOVEA_VECTOR_INLINE
#define FOVEA_VECTOR_INLINE HWY_INLINE
#endif

HWY_BEFORE_NAMESPACE();
namespace fovea::kernels {
namespace HWY_NAMESPACE {

#include "kernels/vector_highway.inc.h"
#include "kernels/vector_math.inc.h"

using V = Vector;

#include "kernels/winograd_transform.inc.h"

/// Channels [c, c + count) of one tile; pixels: kSpan x kSpan pointers to what the tile sees.
template <class T>
HWY_INLINE void input_vector(const float* const* pixels, int64_t c, int64_t count, float* v, int64_t plane) {
  V::F half[T::kSpan * T::kSpan];
  for (int x = 0; x < T::kSpan; ++x) {
    V::F d[T::kSpan], o[T::kSpan];
    for (int y = 0; y < T::kSpan; ++y) d[y] = load_some(pixels[y * T::kSpan + x] + c, count);
    T::input(d, o);
    for (int y = 0; y < T::kSpan; ++y) half[y * T::kSpan + x] = o[y];
  }
  for (int y = 0; y < T::kSpan; ++y) {
    V::F o[T::kSpan];
    T::input(half + y * T::kSpan, o);
    for (int x = 0; x < T::kSpan; ++x) store_some(v + (y * T::kSpan + x) * plane + c, count, o[x]);
  }
}

/// One tile's place in the output: `rows` x `columns` of its pixels are inside.
struct Place {
  int64_t rows, columns, row_stride, pixel_stride;
  float* y;
  const float *residual, *bias;
};

/// Columns [c, c + count) of one tile's products.
template <class T>
HWY_INLINE void output_vector(const float* products, int64_t plane, int64_t c, int64_t count, const Place& at,
                              const Epilogue& e) {
  V::F half[T::kSize * T::kSpan], out[T::kSize * T::kSize];
  for (int x = 0; x < T::kSpan; ++x) {
    V::F m[T::kSpan], o[T::kSize];
    for (int y = 0; y < T::kSpan; ++y) m[y] = V::load(products + (y * T::kSpan + x) * plane + c);
    T::output(m, o);
    for (int y = 0; y < T::kSize; ++y) half[y * T::kSpan + x] = o[y];
  }
  const V::F bias = at.bias != nullptr ? load_some(at.bias + c, count) : V::set(0.0f);
  for (int y = 0; y < T::kSize; ++y) {
    V::F* o = out + y * T::kSize;
    T::output(half + y * T::kSpan, o);
    for (int x = 0; x < T::kSize; ++x) o[x] = V::add(o[x], bias);
  }
  const bool simple = e.activation.kind == ActivationKind::none || e.activation.kind == ActivationKind::relu;
  if (simple && at.residual == nullptr && at.rows == T::kSize && at.columns == T::kSize && count == V::kWidth) {
    const V::F least = V::set(e.activation.kind == ActivationKind::relu ? 0.0f : -__builtin_inff());
    for (int y = 0; y < T::kSize; ++y)
      for (int x = 0; x < T::kSize; ++x)
        V::store(at.y + y * at.row_stride + x * at.pixel_stride + c, V::max(least, out[y * T::kSize + x]));
    return;
  }
  for (int64_t y = 0; y < at.rows; ++y)
    for (int64_t x = 0; x < at.columns; ++x) {
      const int64_t place = y * at.row_stride + x * at.pixel_stride + c;
      V::F r = out[y * T::kSize + x];
      if (at.residual != nullptr && !e.residual_last) r = V::add(r, load_some(at.residual + place, count));
      r = vector_activation<V>(r, e.activation);
      if (at.residual != nullptr && e.residual_last) r = V::add(r, load_some(at.residual + place, count));
      store_some(at.y + place, count, r);
    }
}

template <class T>
void input_tiles(const WinogradConv& w, const float* x, const float* zeros, int64_t first, int64_t last, float* v,
                 int64_t plane) {
  const ConvShape& s = w.shape;
  const int64_t across = w.tile_columns(), each = w.tile_rows() * across;
  for (int64_t t = first; t < last; ++t) {
    const float* image = x + t / each * s.in_height * s.row_stride;
    const int64_t top = t % each / across * T::kSize - s.pad_top, left = t % across * T::kSize - s.pad_left;
    const float* pixels[T::kSpan * T::kSpan];
    for (int64_t i = 0; i < T::kSpan; ++i)
      for (int64_t j = 0; j < T::kSpan; ++j) {
        const bool inside = top + i >= 0 && top + i < s.in_height && left + j >= 0 && left + j < s.in_width;
        pixels[i * T::kSpan + j] = inside ? image + (top + i) * s.row_stride + (left + j) * s.pixel_stride : zeros;
      }
    float* to = v + (t - first) * w.in_channels;
    for_vectors(w.in_channels,
                [&](int64_t c, int64_t count) HWY_ATTR { input_vector<T>(pixels, c, count, to, plane); });
  }
}

template <class T>
void output_tiles(const WinogradConv& w, const float* products, int64_t plane, int64_t chunk, int64_t first,
                  int64_t last, const Epilogue& e, float* y) {
  const ConvShape& s = w.shape;
  const int64_t across = w.tile_columns(), each = w.tile_rows() * across;
  const int64_t column = chunk * w.chunk_columns();
  const int64_t columns = w.out_channels - column < w.chunk_columns() ? w.out_channels - column : w.chunk_columns();
  for (int64_t t = first; t < last; ++t) {
    const int64_t top = t % each / across * T::kSize, left = t % across * T::kSize;
    const int64_t pixel = (t / each * s.out_height + top) * s.out_width + left;
    const int64_t at = pixel * w.out_channels + column, rows = s.out_height - top, width = s.out_width - left;
    const Place place{rows < T::kSize ? rows : T::kSize,
                      width < T::kSize ? width : T::kSize,
                      s.out_width * w.out_channels,
                      w.out_channels,
                      y + at,
                      e.residual != nullptr ? e.residual + at : nullptr,
                      e.bias != nullptr ? e.bias + column : nullptr};
    const float* from = products + (t - first) * w.chunk_columns();
    for_vectors(columns, [&](int64_t c, int64_t count) HWY_ATTR { output_vector<T>(from, plane, c, count, place, e); });
  }
}

void input(const WinogradConv& w, const float* x, const float* zeros, int64_t first, int64_t last, float* v,
           int64_t plane) {
  const auto tiles = w.size == 2   ? input_tiles<WinogradTwo>
                     : w.size == 4 ? input_tiles<WinogradFour>
                                   : input_tiles<WinogradSix>;
  tiles(w, x, zeros, first, last, v, plane);
}

void output(const WinogradConv& w, const float* products, int64_t plane, int64_t chunk, int64_t first, int64_t last,
            const Epilogue& e, float* y) {
  const auto tiles = w.size == 2   ? output_tiles<WinogradTwo>
                     : w.size == 4 ? output_tiles<WinogradFour>
                                   : output_tiles<WinogradSix>;
  tiles(w, products, plane, chunk, first, last, e, y);
}

}  // namespace HWY_NAMESPACE
}  // namespace fovea::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::kernels {
namespace {
HWY_EXPORT(input);
HWY_EXPORT(output);
}  // namespace

void winograd_input(const WinogradConv& conv, const float* x, const float* zeros, int64_t first, int64_t last, float* v,
                    int64_t plane) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(input)(conv, x, zeros, first, last, v, plane);
}

void winograd_output(const WinogradConv& conv, const float* products, int64_t product_plane, int64_t chunk,
                     int64_t first, int64_t last, const Epilogue& epilogue, float* y) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(output)(conv, products, product_plane, chunk, first, last, epilogue, y);
}

void winograd_products(const WinogradConv& w, const float* packed, int64_t chunk, const float* v, int64_t input_plane,
                       int64_t count, const float** rows, float* products, int64_t product_plane) {
  const int64_t width = w.kernel->columns, panel_floats = width * w.in_channels;
  const int64_t panels = w.chunk_panels(), tiles = (count + w.kernel->rows - 1) / w.kernel->rows;
  for (int64_t i = 0; i < count; ++i) rows[i] = v + i * w.in_channels;
  GemmTile tile;
  tile.row_stride = count;
  tile.depth = w.in_channels;
  tile.columns = width;
  tile.c_stride = w.chunk_columns();
  // Panels lie in the order in which they are used: while one is, the next one comes from memory.
  const int64_t share = panel_floats / tiles;
  const float* panel = packed + chunk * w.places() * panels * panel_floats;
  for (int64_t place = 0; place < w.places(); ++place) {
    tile.offset = place * input_plane;
    for (int64_t p = 0; p < panels; ++p, panel += panel_floats) {
      tile.panel = panel;
      set_ahead(tile, panel + panel_floats, share);
      for (int64_t i = 0; i < tiles; ++i) {
        const int64_t begin = count * i / tiles, end = count * (i + 1) / tiles;
        tile.rows = rows + begin;
        tile.c = products + place * product_plane + begin * w.chunk_columns() + p * width;
        w.kernel->tiles[end - begin](tile);
        tile.ahead += share;
      }
    }
  }
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
