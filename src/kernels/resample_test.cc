// Both passes against plain loops, once per instruction set that this CPU has.
#include "kernels/resample.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <hwy/highway.h>

namespace fovea::kernels {
namespace {

uint8_t clipped(int64_t sum) {
  const int64_t value = sum >> kResampleBits;
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

class EachTarget : public testing::Test {
 protected:
  // Runs `check` once per target and returns their names.
  template <class Check>
  std::set<std::string> on_each_target(Check check) {
    resample_target();  // FOVEA_ISA is obeyed from here on
    std::set<std::string> ran;
    const int64_t targets = hwy::SupportedTargets();
    for (int64_t rest = targets; rest != 0; rest &= rest - 1) {
      hwy::SetSupportedTargetsForTest(rest & -rest);
      ran.insert(resample_target());
      check();
    }
    hwy::SetSupportedTargetsForTest(0);
    return ran;
  }
  std::mt19937 random_{7};
};

/// Taps at random: as many quads for each output as it pleases, their ends never falling.
struct RandomQuads {
  RandomQuads(std::mt19937& random, int64_t outputs, int64_t inputs) {
    stride = 7;
    int64_t at = 0;
    for (int64_t i = 0; i < outputs; ++i) {
      at = std::min(inputs - 1, at + static_cast<int64_t>(random() % 3));
      first.push_back(at);
      const int64_t least = i > 0 ? std::max<int64_t>(1, first[first.size() - 2] + count.back() - at) : 1;
      count.push_back(least + static_cast<int64_t>(random()) % (std::min(stride, inputs - at) - least + 1));
      for (int64_t t = 0; t < 4 * stride; ++t)
        weights.push_back(t < 4 * count.back() ? static_cast<int32_t>(random() % (1 << 18)) - (1 << 16) : 0);
    }
    // As large as they get, where a photo is enlarged.
    weights[0] = 5 << (kResampleBits - 2);
    weights[1] = -(1 << (kResampleBits - 2));
  }
  // The words are the instruction set's own, so they are made for each.
  ResampleQuads view() {
    words.assign(weights.size(), 0);
    for (size_t q = 0; q < weights.size(); q += 4) pack_resample_quad(weights.data() + q, words.data() + q);
    return {first.data(), count.data(), words.data(), stride};
  }
  int64_t sum(int64_t i, const std::vector<uint8_t>& row, int64_t colour) const {
    int64_t result = 0;
    const auto at = static_cast<size_t>(i);
    for (int64_t t = 0; t < 4 * count[at]; ++t)
      result += int64_t{weights[static_cast<size_t>(i * 4 * stride + t)]} *
                row[static_cast<size_t>(3 * (4 * first[at] + t) + colour)];
    return result;
  }

  int64_t stride;
  std::vector<int64_t> first, count;
  std::vector<int32_t> weights;
  std::vector<uint32_t> words;
};

/// Memory at a multiple of 64 bytes.
template <class T>
struct Aligned {
  explicit Aligned(int64_t size) : bytes(static_cast<size_t>(size) + 64 / sizeof(T)) {
    const auto address = reinterpret_cast<uintptr_t>(bytes.data());
    data = bytes.data() + (64 - address % 64) % 64 / sizeof(T);
  }
  std::vector<T> bytes;
  T* data;
};

TEST_F(EachTarget, RowsAreSumsOfWeightedPixels) {
  const auto ran = on_each_target([this] {
    for (int trial = 0; trial < 20; ++trial) {
      const int64_t inputs = 1 + static_cast<int64_t>(random_() % 40);  // quads
      const int64_t outputs = 1 + static_cast<int64_t>(random_() % 40);
      RandomQuads quads(random_, outputs, inputs);
      std::vector<std::vector<uint8_t>> in;
      std::vector<const uint8_t*> rows;
      for (int64_t r = 0; r < kResampleRows; ++r) {
        in.emplace_back(static_cast<size_t>(12 * inputs + kResampleOverread));
        for (auto& byte : in.back()) byte = static_cast<uint8_t>(random_());
      }
      for (const auto& row : in) rows.push_back(row.data());
      Aligned<uint8_t> scratch(inputs * kResampleScratch), blocks(kResampleRows * 4 * 64 * outputs);
      Aligned<float> floats(kResampleRows * 4 * outputs);
      uint8_t* block[kResampleBlocks];
      float* row[kResampleRows];
      for (int64_t b = 0; b < kResampleBlocks; ++b) block[b] = blocks.data + b * outputs * kResampleBlockPixel;
      for (int64_t r = 0; r < kResampleRows; ++r) row[r] = floats.data + r * outputs * 4;
      resample_rows(rows.data(), quads.view(), outputs, scratch.data, block);
      resample_rows_float(rows.data(), quads.view(), outputs, scratch.data, row);
      for (int64_t r = 0; r < kResampleRows; ++r)
        for (int64_t i = 0; i < outputs; ++i)
          for (int64_t c = 0; c < 3; ++c) {
            const int64_t sum = quads.sum(i, in[static_cast<size_t>(r)], c);
            ASSERT_EQ(block[r / 4][i * kResampleBlockPixel + 4 * c + r % 4], clipped(sum + (1 << (kResampleBits - 1))))
                << resample_target() << " row " << r << " output " << i;
            ASSERT_NEAR(row[r][4 * i + c], std::clamp(std::ldexp(static_cast<double>(sum), -kResampleBits), 0.0, 255.0),
                        1e-4);
          }
    }
  });
  EXPECT_FALSE(ran.empty());
#if defined(__x86_64__)
  EXPECT_EQ(ran.count("AVX2"), (hwy::SupportedTargets() & HWY_AVX2) != 0 ? 1u : 0u);
#endif
}

TEST_F(EachTarget, ColumnsAreSumsOfWeightedRows) {
  on_each_target([this] {
    for (int64_t pixels : {1, 3, 5, 15, 16, 17, 18, 31, 64, 100}) {
      const int64_t quads = 1 + static_cast<int64_t>(random_() % 9),
                    room = (pixels + kResamplePixelsOverread) / 4 * 4 + 4;
      std::vector<int32_t> weights;
      for (int64_t t = 0; t < 4 * quads; ++t)
        weights.push_back(static_cast<int32_t>(random_() % (1 << 20)) - (1 << 18));
      std::vector<uint32_t> words(weights.size());
      for (size_t q = 0; q < words.size(); q += 4) pack_resample_quad(weights.data() + q, words.data() + q);
      Aligned<uint8_t> blocks(quads * room * kResampleBlockPixel);
      Aligned<float> floats(4 * quads * room * 4);
      std::vector<const uint8_t*> in;
      std::vector<const float*> rows;
      std::vector<float> parts;
      for (int64_t i = 0; i < quads * room * kResampleBlockPixel; ++i) blocks.data[i] = static_cast<uint8_t>(random_());
      for (int64_t q = 0; q < quads; ++q) in.push_back(blocks.data + q * room * kResampleBlockPixel);
      for (int64_t t = 0; t < 4 * quads; ++t) {
        rows.push_back(floats.data + t * room * 4);
        parts.push_back(std::ldexp(static_cast<float>(weights[static_cast<size_t>(t)]), -kResampleBits));
        for (int64_t p = 0; p < pixels; ++p)
          for (int64_t c = 0; c < 3; ++c)
            floats.data[(t * room + p) * 4 + c] =
                in[static_cast<size_t>(t / 4)][p * kResampleBlockPixel + 4 * c + t % 4];
      }
      constexpr uint8_t kUntouched = 0xa5;
      std::vector<uint8_t> exact(static_cast<size_t>(3 * pixels + 16), kUntouched), nearest = exact;
      resample_columns(in.data(), words.data(), quads, pixels, exact.data());
      resample_columns_float(rows.data(), parts.data(), 4 * quads, pixels, nearest.data());
      for (int64_t i = 0; i < 3 * pixels; ++i) {
        int64_t sum = 0;
        for (int64_t t = 0; t < 4 * quads; ++t)
          sum += int64_t{weights[static_cast<size_t>(t)]} *
                 in[static_cast<size_t>(t / 4)][i / 3 * kResampleBlockPixel + 4 * (i % 3) + t % 4];
        const auto at = static_cast<size_t>(i);
        ASSERT_EQ(exact[at], clipped(sum + (1 << (kResampleBits - 1)))) << resample_target() << " byte " << i;
        ASSERT_NEAR(nearest[at], std::clamp(std::ldexp(static_cast<double>(sum), -kResampleBits), 0.0, 255.0), 0.501);
      }
      for (size_t i = static_cast<size_t>(3 * pixels); i < exact.size(); ++i) {
        ASSERT_EQ(exact[i], kUntouched);
        ASSERT_EQ(nearest[i], kUntouched);
      }
    }
  });
}

}  // namespace
}  // namespace fovea::kernels
