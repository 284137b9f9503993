// Winograd's minimal filtering F(m x m, 3 x 3) for 3x3 convolutions of stride 1 over NHWC (Lavin and Gray 2015): a tile
// of m x m outputs needs (m + 2)^2 products for each pair of channels instead of 9 m^2. Tiles are transformed, their
// products are (m + 2)^2 matrix products of tiles x channels, one for each place in the transformed tile, and the
// inverse transform is finished by bias, residual and activation.
//
// F(4,3) uses the points 0, +-sqrt(1/2), +-sqrt(2), whose rounding error is less than half that of 0, +-1, +-2.
#pragma once

#include <cstdint>

#include "kernels/conv_rows.h"
#include "kernels/gemm.h"

namespace fovea::kernels {

/// One convolution with `size` = m of 2, 4 or 6. shape: 3x3, stride and dilation 1.
struct WinogradConv {
  const GemmKernel* kernel = nullptr;
  int size = 4;
  ConvShape shape;
  int64_t batch = 1, in_channels = 0, out_channels = 0;

  int64_t span() const { return size + 2; }
  int64_t places() const { return span() * span(); }
  int64_t tile_rows() const { return (shape.out_height + size - 1) / size; }
  int64_t tile_columns() const { return (shape.out_width + size - 1) / size; }
  /// Tiles of the whole batch, counted image by image and row by row.
  int64_t tiles() const { return batch * tile_rows() * tile_columns(); }

  /// Panels that are multiplied for all places before their inverse transform: their products stay in the cache.
  /// Wide ones read the transformed tiles less often, which counts where these do not fit the cache.
  int64_t chunk_panels() const {
    const int64_t columns = in_channels >= 128 ? 64 : 32;
    return kernel->columns >= columns ? 1 : columns / kernel->columns;
  }
  int64_t chunk_columns() const { return chunk_panels() * kernel->columns; }
  int64_t chunks() const { return (out_channels + chunk_columns() - 1) / chunk_columns(); }
  int64_t packed_floats() const { return chunks() * chunk_columns() * places() * in_channels; }

  /// Floats between two places of `rows` transformed tiles and of their products: an odd number of cache lines, so that
  /// the places of one tile do not fall into the same set of the cache.
  static int64_t odd_lines(int64_t floats) { return ((floats + 15) / 16 | 1) * 16; }
  int64_t input_plane(int64_t tile_count) const { return odd_lines(tile_count * in_channels); }
  int64_t product_plane(int64_t tile_count) const { return odd_lines(tile_count * chunk_columns()); }
};

/// Transforms the weight {out_channels, in_channels, 3, 3} (in double precision) into packed_floats() floats.
void winograd_pack(const WinogradConv& conv, const float* weight, float* packed);

/// Transformed tiles [first, last): tile t's channels at place p go to v[p * plane + (t - first) * in_channels].
/// zeros: in_channels zeros, for what lies outside the image.
void winograd_input(const WinogradConv& conv, const float* x, const float* zeros, int64_t first, int64_t last, float* v,
                    int64_t plane);

/// Products of `count` transformed tiles with one chunk of columns: tile i's at place p go to products[p *
/// product_plane + i * chunk_columns()]. rows: room for `count` pointers.
void winograd_products(const WinogradConv& conv, const float* packed, int64_t chunk, const float* v,
                       int64_t input_plane, int64_t count, const float** rows, float* products, int64_t product_plane);

/// Output pixels of tiles [first, last) in one chunk of columns, with the epilogue (its pointers at column 0 and output
/// pixel 0; scale is not used). y and the residual are dense {batch, out_height, out_width, out_channels}.
void winograd_output(const WinogradConv& conv, const float* products, int64_t product_plane, int64_t chunk,
                     int64_t first, int64_t last, const Epilogue& epilogue, float* y);

}  // namespace fovea::kernels
