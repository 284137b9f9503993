#include "kernels/slices.h"

#include <vector>

#include <gtest/gtest.h>

namespace fovea::kernels {
namespace {

TEST(Slices, PutEachSliceOfAPixelWhereItBelongs) {
  for (const int64_t slices : {1, 2, 5})
    for (const int64_t step : {1, 2}) {
      constexpr int64_t kPixels = 7;
      const int64_t pixel_bytes = slices * kSliceBytes, stride = (kPixels + 2) * kSliceBytes;
      std::vector<std::byte> x(static_cast<size_t>(kPixels * step * pixel_bytes));
      for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<std::byte>(i * 7 + i / 256);
      constexpr std::byte kGuard{0xa5};
      std::vector<std::byte> to(static_cast<size_t>(slices * stride), kGuard);
      cut_slices(x.data(), kPixels, step * pixel_bytes, slices, stride, to.data());
      for (int64_t s = 0; s < slices; ++s)
        for (int64_t i = 0; i < stride; ++i) {
          const int64_t pixel = i / kSliceBytes;
          const std::byte want =
              pixel < kPixels ? x[static_cast<size_t>(pixel * step * pixel_bytes + s * kSliceBytes + i % kSliceBytes)]
                              : kGuard;
          ASSERT_EQ(to[static_cast<size_t>(s * stride + i)], want) << slices << " slices at " << s << ", " << i;
        }
    }
}

}  // namespace
}  // namespace fovea::kernels
