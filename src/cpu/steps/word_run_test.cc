#include "cpu/steps/word_run.h"

#include <gtest/gtest.h>

namespace fovea::cpu {
namespace {

// What is brought ahead may lead only where the kernel's blocks know of it; others, of pairs of rows, too, would spread
// it over all their rows, behind those that read it.
TEST(WordRun, AheadLeadsWhereTheKernelKnowsOfIt) {
  kernels::WordKernel kernel = kernels::i8_kernel();
  kernels::WordBlock block;
  for (const int group : {1, 2, 16}) {
    kernel.row_group = group;
    for (const bool leads : {false, true}) {
      kernel.leads = leads;
      block.rows = 2 * kernel.rows;
      EXPECT_EQ(ahead_leads(kernel, block), leads) << group;
      block.rows = 2 * kernel.rows + 1;
      EXPECT_FALSE(ahead_leads(kernel, block)) << group;
    }
  }
}

}  // namespace
}  // namespace fovea::cpu
