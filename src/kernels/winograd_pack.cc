// The weights of Winograd's filtering: transformed in double precision, in the order in which the products read them.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "kernels/winograd.h"

namespace fovea::kernels {
namespace {

/// Row i of the weights' transform: (1, p, p^2) / M'(p) for point p, and (0, 0, 1) for the one at infinity.
std::vector<std::array<double, 3>> weight_rows(int size) {
  std::vector<double> points = {0, 1, -1};
  if (size == 4) points = {0, std::sqrt(0.5), -std::sqrt(0.5), std::sqrt(2.0), -std::sqrt(2.0)};
  std::vector<std::array<double, 3>> rows;
  if (size == 6) points = {0, 0.5, -0.5, 1, -1, 2, -2};
  for (const double p : points) {
    double slope = 1;
    for (const double q : points)
      if (q != p) slope *= p - q;
    rows.push_back({1 / slope, p / slope, p * p / slope});
  }
  rows.push_back({0, 0, 1});
  return rows;
}

}  // namespace

void winograd_pack(const WinogradConv& w, const float* weight, float* packed) {
  const auto g = weight_rows(w.size);
  const auto span = static_cast<size_t>(w.span());
  const int64_t width = w.kernel->columns, panels = w.chunk_panels(), panel_floats = width * w.in_channels;
  std::vector<float> column(static_cast<size_t>(w.places() * width));  // all places of one channel, by column
  for (int64_t panel = 0; panel < w.chunks() * panels; ++panel) {
    const int64_t chunk = panel / panels;
    float* to = packed + (chunk * w.places() * panels + panel % panels) * panel_floats;
    for (int64_t c = 0; c < w.in_channels; ++c) {
      std::fill(column.begin(), column.end(), 0.0f);
      for (int64_t j = 0; j < std::min(width, w.out_channels - panel * width); ++j) {
        const float* k = weight + ((panel * width + j) * w.in_channels + c) * 9;
        for (size_t y = 0; y < span; ++y) {
          double half[3];
          for (int x = 0; x < 3; ++x) half[x] = g[y][0] * k[x] + g[y][1] * k[3 + x] + g[y][2] * k[6 + x];
          for (size_t x = 0; x < span; ++x)
            column[(y * span + x) * static_cast<size_t>(width) + static_cast<size_t>(j)] =
                static_cast<float>(half[0] * g[x][0] + half[1] * g[x][1] + half[2] * g[x][2]);
        }
      }
      for (int64_t place = 0; place < w.places(); ++place)
        std::copy_n(column.data() + place * width, width, to + place * panels * panel_floats + c * width);
    }
  }
}

}  // namespace fovea::kernels
