// Both passes against plain loops, once per instruction set that this CPU has.
#include "kernels/resample.h"

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

TEST_F(EachTarget, RowsAreSumsOfWeightedPixels) {
  const auto ran = on_each_target([this] {
    for (int trial = 0; trial < 40; ++trial) {
      const int64_t inputs = 1 + static_cast<int64_t>(random_() % 70),
                    outputs = 1 + static_cast<int64_t>(random_() % 40);
      const int64_t rows = 1 + static_cast<int64_t>(random_() % 9), stride = 24;
      std::vector<int64_t> first, count;
      std::vector<int32_t> weights(static_cast<size_t>(outputs * stride + kResampleTapsMultiple));
      for (int64_t i = 0; i < outputs; ++i) {
        first.push_back(static_cast<int64_t>(random_()) % inputs);
        count.push_back(1 + static_cast<int64_t>(random_()) % std::min(stride, inputs - first.back()));
        for (int64_t t = 0; t < count.back(); ++t)
          weights[static_cast<size_t>(i * stride + t)] = static_cast<int32_t>(random_() % (1 << 20)) - (1 << 18);
      }
      std::vector<std::vector<uint8_t>> in, out;
      std::vector<const uint8_t*> in_rows;
      std::vector<uint8_t*> out_rows;
      for (int64_t r = 0; r < rows; ++r) {
        in.emplace_back(static_cast<size_t>(3 * inputs + kResampleOverread));
        for (auto& byte : in.back()) byte = static_cast<uint8_t>(random_());
        out.emplace_back(static_cast<size_t>(3 * outputs));
      }
      for (int64_t r = 0; r < rows; ++r) {
        in_rows.push_back(in[static_cast<size_t>(r)].data());
        out_rows.push_back(out[static_cast<size_t>(r)].data());
      }
      resample_rows(in_rows.data(), rows, {first.data(), count.data(), weights.data(), stride}, outputs,
                    out_rows.data());
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t i = 0; i < 3 * outputs; ++i) {
          int64_t sum = 1 << (kResampleBits - 1);
          for (int64_t t = 0; t < count[static_cast<size_t>(i / 3)]; ++t)
            sum += int64_t{weights[static_cast<size_t>(i / 3 * stride + t)]} *
                   in_rows[static_cast<size_t>(r)][3 * (first[static_cast<size_t>(i / 3)] + t) + i % 3];
          ASSERT_EQ(out_rows[static_cast<size_t>(r)][i], clipped(sum))
              << resample_target() << " row " << r << " byte " << i;
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
    for (int64_t bytes : {1, 3, 15, 63, 64, 65, 100, 191, 300}) {
      const int64_t taps = 1 + static_cast<int64_t>(random_() % 9);
      std::vector<std::vector<uint8_t>> in(static_cast<size_t>(taps), std::vector<uint8_t>(static_cast<size_t>(bytes)));
      std::vector<const uint8_t*> rows;
      std::vector<int32_t> weights;
      for (auto& row : in) {
        for (auto& byte : row) byte = static_cast<uint8_t>(random_());
        rows.push_back(row.data());
        weights.push_back(static_cast<int32_t>(random_() % (1 << 21)) - (1 << 19));
      }
      std::vector<uint8_t> out(static_cast<size_t>(bytes));
      resample_columns(rows.data(), weights.data(), taps, bytes, out.data());
      for (size_t b = 0; b < out.size(); ++b) {
        int64_t sum = 1 << (kResampleBits - 1);
        for (size_t t = 0; t < rows.size(); ++t) sum += int64_t{weights[t]} * rows[t][b];
        ASSERT_EQ(out[b], clipped(sum)) << resample_target() << " byte " << b << " of " << bytes;
      }
    }
  });
}

}  // namespace
}  // namespace fovea::kernels
