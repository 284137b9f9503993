#include "base/content_hash.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace fovea {
namespace {

std::vector<std::byte> random_bytes(size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(n);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

TEST(ContentHash, TellsEverySingleBit) {
  for (size_t size : {1u, 7u, 63u, 64u, 65u, 200u, 1000u}) {
    std::vector<std::byte> bytes = random_bytes(size, static_cast<unsigned>(size));
    std::set<uint64_t> seen = {content_hash(bytes)};
    for (size_t bit = 0; bit < 8 * size; ++bit) {
      bytes[bit / 8] ^= std::byte{1} << (bit % 8);
      EXPECT_TRUE(seen.insert(content_hash(bytes)).second) << size << " bytes, bit " << bit;
      bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    }
  }
}

TEST(ContentHash, TellsSizesAndZeros) {
  std::set<uint64_t> seen;
  for (size_t size = 0; size < 300; ++size) EXPECT_TRUE(seen.insert(content_hash(std::vector<std::byte>(size))).second);
}

TEST(ContentHash, TellsTheOrderOfStretches) {
  std::vector<std::byte> bytes = random_bytes(3 * kHashStretch + 5, 1);
  const uint64_t before = content_hash(bytes);
  std::swap_ranges(bytes.begin(), bytes.begin() + kHashStretch, bytes.begin() + kHashStretch);
  EXPECT_NE(content_hash(bytes), before);
}

TEST(ContentHash, AFileHasTheHashOfItsBytes) {
  const auto path = std::filesystem::temp_directory_path() / ("fovea-hash-" + std::to_string(getpid()));
  for (size_t size : {size_t{0}, size_t{5}, kHashStretch, 7 * kHashStretch + 3}) {
    const std::vector<std::byte> bytes = random_bytes(size, 2);
    std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), static_cast<long>(size));
    for (int threads : {1, 3}) EXPECT_EQ(content_hash(path, threads).value(), content_hash(bytes));
  }
  std::filesystem::remove(path);
  EXPECT_FALSE(content_hash(path, 1).ok());
}

TEST(ContentHash, IsTheSameInEveryRelease) { EXPECT_EQ(to_hex(content_hash("fovea")), "d20bffb806758d51"); }

}  // namespace
}  // namespace fovea
