#include "quantize/histogram.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

namespace fovea::quantize {
namespace {

std::vector<float> normal(size_t count, float spread, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution(0, spread);
  std::vector<float> values(count);
  for (float& v : values) v = distribution(generator);
  return values;
}

TEST(Histogram, CountsEachValueInTheBinThatHoldsIt) {
  Histogram h;
  const std::vector<float> values = {0.5f, -0.5f, 0.99f, -1.0f / 8192, 0.0f};
  h.add(values);
  EXPECT_EQ(h.limit(), 1);
  EXPECT_EQ(h.total(), 5u);
  EXPECT_EQ(h.counts()[4096 + 2048], 1u);
  EXPECT_EQ(h.counts()[2048], 1u);
  EXPECT_EQ(h.counts()[4095], 1u);  // just below zero
  EXPECT_EQ(h.counts()[4096], 1u);
}

TEST(Histogram, OrderAndPortionsDoNotMatter) {
  const auto small = normal(5000, 0.01f, 1), large = normal(3000, 20, 2);
  Histogram a, b, c;
  a.add(small);
  a.add(large);
  b.add(large);
  for (const float v : small) b.add(std::span(&v, 1));
  Histogram part;
  part.add(large);
  c.add(small);
  c.add(part);
  EXPECT_EQ(a.limit(), b.limit());
  EXPECT_TRUE(std::ranges::equal(a.counts(), b.counts()));
  EXPECT_TRUE(std::ranges::equal(a.counts(), c.counts()));
}

TEST(Histogram, AnyFiniteNumberHasAPlace) {
  Histogram h;
  const std::vector<float> values = {3.4e38f, -3.4e38f, 1e-45f, -1e-45f, 1e-30f};
  for (const float v : values) h.add(std::span(&v, 1));
  EXPECT_EQ(h.total(), 5u);
  EXPECT_EQ(h.magnitudes()[0], 3u);
}

TEST(Histogram, RestoresOnlyWhatItCanHold) {
  Histogram a, b;
  a.add(normal(100, 1, 3));
  EXPECT_TRUE(b.restore(a.exponent(), {a.counts().begin(), a.counts().end()}));
  EXPECT_TRUE(std::ranges::equal(a.counts(), b.counts()));
  EXPECT_FALSE(b.restore(0, std::vector<uint64_t>(7)));
  EXPECT_FALSE(b.restore(5000, {}));
}

}  // namespace
}  // namespace fovea::quantize
