// Order, bound and stopping of what is made ahead.
#include "pipeline/prefetch.h"

#include <atomic>
#include <memory>

#include <gtest/gtest.h>

namespace fovea::pipeline {
namespace {

TEST(Prefetch, GivesAllInOrderAndNeverMoreThanItMay) {
  for (int threads : {0, 1, 4}) {
    constexpr size_t kCount = 300, kAhead = 5;
    std::atomic<size_t> alive{0}, most{0};
    struct Item {
      std::unique_ptr<size_t> index;
    };
    Prefetch<Item> items(
        kCount, kAhead, threads,
        [&](size_t i) {
          const size_t now = ++alive;
          for (size_t seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
          }
          return Item{std::make_unique<size_t>(i)};
        },
        [](size_t) { return Item{}; });
    for (size_t i = 0; i < kCount; ++i) {
      // Only what is left to the threads counts against the bound.
      const Item item = items.next();
      --alive;
      ASSERT_EQ(*item.index, i);
    }
    EXPECT_LE(most, kAhead + 1) << threads;
  }
}

TEST(Prefetch, StopsInTheMiddle) {
  std::atomic<size_t> made{0};
  {
    Prefetch<size_t> items(
        1'000'000, 8, 3,
        [&](size_t i) {
          ++made;
          return i;
        },
        [](size_t) { return size_t{0}; });
    for (size_t i = 0; i < 10; ++i) EXPECT_EQ(items.next(), i);
  }
  EXPECT_LE(made, 10u + 8u);
}

TEST(Prefetch, WantOfMemoryFailsOneItem) {
  for (int threads : {0, 1, 3}) {
    Prefetch<int> items(
        20, 4, threads,
        [](size_t i) {
          if (i % 5 == 2) throw std::bad_alloc();
          if (i % 5 == 3) throw std::length_error("vector");
          return static_cast<int>(i);
        },
        [](size_t i) { return -static_cast<int>(i); });
    for (int i = 0; i < 20; ++i) EXPECT_EQ(items.next(), i % 5 == 2 || i % 5 == 3 ? -i : i) << threads;
  }
}

}  // namespace
}  // namespace fovea::pipeline
