#include "cpu/memory_plan.h"

#include <limits>
#include <random>

#include <gtest/gtest.h>

namespace fovea::cpu {
namespace {

TEST(MemoryPlan, BuffersThatLiveTogetherNeverOverlap) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<Lifetime> buffers(1 + random() % 60);
    for (Lifetime& b : buffers) {
      b.bytes = random() % 5 == 0 ? 0 : static_cast<int64_t>(random() % 5000);
      b.first = static_cast<int>(random() % 40);
      b.last = b.first + static_cast<int>(random() % 10);
    }
    const MemoryPlan plan = *plan_memory(buffers);
    for (size_t i = 0; i < buffers.size(); ++i) {
      EXPECT_EQ(plan.offsets[i] % kArenaAlignment, 0);
      EXPECT_LE(plan.offsets[i] + buffers[i].bytes, plan.bytes);
      for (size_t j = 0; j < i; ++j) {
        const bool together = buffers[i].first <= buffers[j].last && buffers[j].first <= buffers[i].last;
        const bool apart = plan.offsets[i] + buffers[i].bytes <= plan.offsets[j] ||
                           plan.offsets[j] + buffers[j].bytes <= plan.offsets[i];
        EXPECT_TRUE(!together || apart) << i << " and " << j;
      }
    }
  }
}

TEST(MemoryPlan, AChainNeedsTwoBuffersOnly) {
  std::vector<Lifetime> chain;
  for (int i = 0; i < 20; ++i) chain.push_back({1024, i, i + 1});
  EXPECT_EQ(plan_memory(chain)->bytes, 2048);
}

TEST(MemoryPlan, ABufferGoesIntoTheSmallestGapThatHoldsIt) {
  // Three large ones; the gap that the second leaves after step 1 takes the small one.
  const std::vector<Lifetime> buffers{{4096, 0, 5}, {2048, 0, 1}, {1024, 0, 5}, {512, 2, 3}};
  EXPECT_EQ(plan_memory(buffers)->bytes, 4096 + 2048 + 1024);
}

TEST(MemoryPlan, SizesThatOverflowAreRefused) {
  const int64_t huge = std::numeric_limits<int64_t>::max() / 2;
  const std::vector<Lifetime> buffers{{huge, 0, 1}, {huge, 0, 1}, {huge, 0, 1}};
  const auto plan = plan_memory(buffers);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code, ErrorCode::out_of_memory);
}

}  // namespace
}  // namespace fovea::cpu
