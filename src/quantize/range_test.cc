#include "quantize/range.h"

#include <cmath>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace fovea::quantize {
namespace {

using testing::HasSubstr;

Tensor tensor(const std::vector<float>& values) {
  return Tensor::of<float>({static_cast<int64_t>(values.size())}, values);
}

Observer of(const std::vector<std::vector<float>>& photos) {
  Observer observer;
  for (const auto& photo : photos) observer.observe(tensor(photo).view());
  return observer;
}

/// Normal numbers, and one value far away from them.
Observer with_outlier() {
  std::mt19937 generator(1);
  std::normal_distribution<float> normal(0, 1);
  std::vector<float> values(200'000);
  for (float& v : values) v = normal(generator);
  values.push_back(40);
  return of({values});
}

TEST(Range, MinMaxIsAllThatWasSeen) {
  EXPECT_EQ(choose_range(of({{-1, 0, 2}, {0.5f, 3}}), {.method = Method::minmax}), (Range{-1, 3}));
}

TEST(Range, AverageIsTheMeanOfEachPhotosExtremes) {
  EXPECT_EQ(choose_range(of({{-1, 2}, {-3, 3}, {-2, 7}}), {.method = Method::average}), (Range{-2, 4}));
}

TEST(Range, PercentileLeavesTheRarestOut) {
  const Range range = *choose_range(with_outlier(), {.method = Method::percentile, .percentile = 99.9});
  EXPECT_NEAR(range.high, 3.29, 0.1);  // of |x|, normal
  EXPECT_EQ(range.low, -range.high);
}

TEST(Range, ZerosCountForPercentiles) {
  std::vector<float> values(1000, 0);
  values[0] = 5;
  EXPECT_LT(choose_range(of({values}), {.method = Method::percentile, .percentile = 99.9})->high, 0.01);
  EXPECT_EQ(choose_range(of({values}), {.method = Method::percentile, .percentile = 100})->high, 5);
}

TEST(Range, EntropyCutsAnOutlierAndKeepsTheBulk) {
  const Range range = *choose_range(with_outlier(), {.method = Method::entropy});
  EXPECT_GT(range.high, 2.5);
  EXPECT_LT(range.high, 6);
}

/// Straight from the definition, bin by bin, every threshold.
size_t slow_threshold(const std::vector<uint64_t>& bins, size_t levels) {
  size_t best_bins = bins.size();
  double best = INFINITY;
  for (size_t kept = levels; kept <= bins.size(); ++kept) {
    double total = 0, inside = 0;
    for (size_t i = 0; i < bins.size(); ++i) total += static_cast<double>(bins[i]);
    for (size_t i = 0; i < kept; ++i) inside += static_cast<double>(bins[i]);
    if (inside == 0 || squared_error(bins, kept, levels) > squared_error(bins, bins.size(), levels)) continue;
    double divergence = 0;
    for (size_t level = 0; level < levels; ++level) {
      double sum = 0, filled = 0;
      for (size_t i = level * kept / levels; i < (level + 1) * kept / levels; ++i) {
        sum += static_cast<double>(bins[i]);
        filled += bins[i] > 0;
      }
      for (size_t i = level * kept / levels; i < (level + 1) * kept / levels; ++i) {
        const double p = (static_cast<double>(bins[i]) + (i + 1 == kept ? total - inside : 0)) / total;
        const double q = bins[i] > 0 ? sum / filled / inside : 0;
        if (p > 0) divergence += p * std::log(p / std::max(q, 1e-6));
      }
    }
    if (divergence <= best) {
      best = divergence;
      best_bins = kept;
    }
  }
  return best_bins;
}

TEST(Range, EntropyFindsTheLeastDivergence) {
  std::mt19937 generator(7);
  std::gamma_distribution<double> gamma(1.5, 12);
  std::vector<uint64_t> bins(240, 0);
  for (int i = 0; i < 30'000; ++i) ++bins[std::min<size_t>(239, static_cast<size_t>(gamma(generator)))];
  EXPECT_EQ(entropy_threshold(bins, 32), slow_threshold(bins, 32));
}

TEST(Range, EntropyNeverLosesMorePowerThanTheFullRange) {
  std::mt19937 generator(3);
  std::normal_distribution<double> normal(0, 2);
  std::vector<uint64_t> bins(4096, 0);
  for (int i = 0; i < 700'000; ++i)  // heavy tails
    ++bins[std::min<size_t>(4095, static_cast<size_t>(2 * std::exp(std::fabs(normal(generator)))))];
  const size_t kept = entropy_threshold(bins, 128);
  EXPECT_LE(squared_error(bins, kept, 128), squared_error(bins, 4096, 128));
}

TEST(Range, SquaredErrorIsRoundingAndClipping) {
  EXPECT_NEAR(squared_error(std::vector<uint64_t>{3, 0, 5, 1}, 2, 4), 3 * 0.25 / 12 + 5 * 0.25 + 2.25, 1e-12);
}

TEST(Range, WhatLooksWrongIsSaid) {
  EXPECT_EQ(suspicion({}, std::nullopt), "no photo reached it");
  EXPECT_THAT(suspicion(of({{2, 2}}), Range{2, 2}), HasSubstr("constant"));
  EXPECT_THAT(suspicion(of({{1, NAN}}), Range{1, 1}), HasSubstr("NaN"));
  EXPECT_THAT(suspicion(of({{1, 2, 3, 4}}), Range{0, 2}), HasSubstr("saturated: 50.0 %"));
  EXPECT_THAT(suspicion(with_outlier(), Range{-400, 400}), HasSubstr("outliers"));
  EXPECT_EQ(suspicion(with_outlier(), Range{-5, 5}), "");
}

TEST(Observer, ItsStateComesBackTheSame) {
  Observer observer = with_outlier();
  observer.channel_axis = 0;
  observer.observe(tensor({1, 2, 3}).view());
  const auto bytes = nlohmann::json::to_cbor(to_json(observer));
  const auto again = observer_of_json(nlohmann::json::from_cbor(bytes, true, false));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(to_json(*again), to_json(observer));
  EXPECT_EQ(choose_range(*again, {}), choose_range(observer, {}));
}

TEST(Observer, DamagedStatesAreRefused) {
  const nlohmann::json good = to_json(with_outlier());
  for (const auto& [key, value] : good.items())
    for (const nlohmann::json& wrong : {nlohmann::json(), nlohmann::json("x"), nlohmann::json::array({-1})}) {
      nlohmann::json bad = good;
      bad[key] = wrong;
      EXPECT_FALSE(observer_of_json(bad).ok()) << key << " " << wrong;
    }
}

TEST(Observer, ChannelMeansAlongAnyAxis) {
  const Tensor t = Tensor::of<float>({1, 2, 3}, {1, 2, 3, 4, 5, 6});
  Observer first, last;
  first.channel_axis = 1;
  last.channel_axis = -1;
  first.observe(t.view());
  last.observe(t.view());
  EXPECT_THAT(first.channel_means(), testing::ElementsAre(2, 5));
  EXPECT_THAT(last.channel_means(), testing::ElementsAre(2.5, 3.5, 4.5));
}

}  // namespace
}  // namespace fovea::quantize
