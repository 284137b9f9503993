#include "base/thread_pool.h"

#include <numeric>

#include <gtest/gtest.h>

namespace fovea {
namespace {

TEST(ThreadPool, EachItemIsVisitedOnceForEveryCountAndGrain) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (int64_t n : {0, 1, 2, 7, 64, 1000})
      for (int64_t grain : {1, 5, 300}) {
        std::vector<int> visits(static_cast<size_t>(n), 0);
        pool.parallel_for(n, grain, [&](int64_t begin, int64_t end, int) {
          for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
        });
        EXPECT_EQ(std::accumulate(visits.begin(), visits.end(), int64_t{0}), n);
        for (int v : visits) EXPECT_EQ(v, 1);
      }
  }
}

TEST(ThreadPool, PartsAreNeverSmallerThanTheGrain) {
  ThreadPool pool(4);
  EXPECT_EQ(pool.parts(100, 1), 4);
  EXPECT_EQ(pool.parts(3, 1), 3);
  EXPECT_EQ(pool.parts(100, 40), 2);
  EXPECT_EQ(pool.parts(10, 40), 1);
}

TEST(ThreadPool, TheSameItemsGoToTheSameWorker) {
  ThreadPool pool(3);
  std::vector<std::thread::id> first(3), second(3);
  for (auto* ids : {&first, &second})
    pool.parallel_for(3, 1, [&](int64_t begin, int64_t, int worker) {
      EXPECT_EQ(begin, worker);
      (*ids)[static_cast<size_t>(worker)] = std::this_thread::get_id();
    });
  EXPECT_EQ(first, second);
  EXPECT_EQ(first[0], std::this_thread::get_id());
}

TEST(ThreadPool, ManySmallLoopsInARowLoseNothing) {
  ThreadPool pool(2);
  std::vector<int64_t> sums(2, 0);
  for (int round = 0; round < 2000; ++round)
    pool.parallel_for(2, 1,
                      [&](int64_t begin, int64_t, int worker) { sums[static_cast<size_t>(worker)] += begin + 1; });
  EXPECT_EQ(sums[0], 2000);
  EXPECT_EQ(sums[1], 4000);
}

}  // namespace
}  // namespace fovea
