// Numbers that the tests of kernels compute with.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace fovea::kernels {

/// n normally distributed floats with standard deviation `spread`: the same ones for the same seed.
inline std::vector<float> random_floats(int64_t n, unsigned seed, float spread = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = normal(random);
  return values;
}

}  // namespace fovea::kernels
