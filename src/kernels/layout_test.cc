#include "kernels/layout.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace fovea::kernels {
namespace {

/// The copy, one element at a time.
template <class T>
std::vector<T> plainly(const StridedCopy& copy, const std::vector<T>& from, std::vector<T> to) {
  int64_t total = 1;
  for (int d = 0; d < copy.rank; ++d) total *= copy.extents[d];
  for (int64_t n = 0; n < total; ++n) {
    int64_t rest = n, f = 0, t = 0;
    for (int d = copy.rank - 1; d >= 0; --d) {
      f += rest % copy.extents[d] * copy.from[d];
      t += rest % copy.extents[d] * copy.to[d];
      rest /= copy.extents[d];
    }
    to[static_cast<size_t>(t)] = from[static_cast<size_t>(f)];
  }
  return to;
}

template <class T>
void check(StridedCopy copy, int64_t from_size, int64_t to_size) {
  copy.element = sizeof(T);
  std::vector<T> from(static_cast<size_t>(from_size));
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<T>(i + 1);
  const std::vector<T> expected = plainly(copy, from, std::vector<T>(static_cast<size_t>(to_size)));
  for (const StridedCopy& form : {copy, simplify(copy)}) {
    std::vector<T> to(static_cast<size_t>(to_size));
    const int64_t middle = form.extents[0] / 2;  // in two parts, as two threads do it
    copy_strided(form, from.data(), to.data(), 0, middle);
    copy_strided(form, from.data(), to.data(), middle, form.extents[0]);
    ASSERT_EQ(to, expected);
  }
}

TEST(StridedCopy, TransposesOfAllRanksAndElementSizes) {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    StridedCopy copy;
    copy.rank = 1 + static_cast<int>(random() % 6);
    std::vector<int> order(static_cast<size_t>(copy.rank));
    for (int d = 0; d < copy.rank; ++d) {
      copy.extents[d] = 1 + static_cast<int64_t>(random() % (copy.rank < 3 ? 40 : 7));
      order[static_cast<size_t>(d)] = d;
    }
    std::shuffle(order.begin(), order.end(), random);
    int64_t size = 1;
    for (int d = copy.rank - 1; d >= 0; --d) {
      copy.to[d] = size;
      size *= copy.extents[d];
    }
    int64_t stride = 1;
    for (int d : order) {
      copy.from[d] = stride;
      stride *= copy.extents[d];
    }
    check<uint8_t>(copy, size, size);
    check<uint16_t>(copy, size, size);
    check<uint32_t>(copy, size, size);
    check<uint64_t>(copy, size, size);
  }
}

TEST(StridedCopy, RepeatsAndSkipsElements) {
  check<uint32_t>({2, {5, 6}, {0, 1}, {6, 1}, 4}, 6, 30);    // one row, five times
  check<uint32_t>({2, {5, 6}, {1, 0}, {6, 1}, 4}, 5, 30);    // each element six times
  check<uint32_t>({2, {5, 6}, {12, 2}, {6, 1}, 4}, 60, 30);  // every other one
  check<uint32_t>({2, {5, 6}, {6, 1}, {12, 2}, 4}, 30, 60);  // into every other one
  check<uint32_t>({3, {2, 3, 4}, {40, 10, 3}, {12, 4, 1}, 4}, 80, 24);
}

TEST(StridedCopy, PutsThreePlanesSideBySide) {
  for (int64_t pixels : {1, 15, 16, 53, 200}) {
    StridedCopy copy;
    copy.rank = 2;
    copy.extents[0] = pixels, copy.extents[1] = 3;
    copy.from[0] = 1, copy.from[1] = pixels + 2;
    copy.to[0] = 3, copy.to[1] = 1;
    check<uint32_t>(copy, 3 * (pixels + 2), 3 * pixels);
  }
}

}  // namespace
}  // namespace fovea::kernels
