#include "bench/machine.h"

#include <gtest/gtest.h>

#include "base/system.h"
#include "bench/conditions.h"

namespace fovea::bench {
namespace {

TEST(MachineTest, HasAPeakForEachFormatAndNumberOfThreads) {
  const Machine machine = measure_machine(2);
  EXPECT_FALSE(machine.cpu.empty());
  EXPECT_FALSE(machine.isa.empty());
  EXPECT_EQ(machine.cores, granted_cores());
  EXPECT_GT(machine.memory_gb, 0);
  EXPECT_GT(machine.memory_gb_per_s, 0);
  for (int threads : {1, 2})
    for (const char* precision : {"fp32", "bf16"}) {
      ASSERT_TRUE(peak_of(machine, precision, threads)) << precision;
      EXPECT_GT(*peak_of(machine, precision, threads), 0) << precision;
    }
  EXPECT_FALSE(peak_of(machine, "fp16", 1));
  EXPECT_FALSE(peak_of(machine, "fp32", 3));
}

TEST(MachineTest, SamplesMoveForward) {
  MachineConditions conditions(2);
  const Sample first = conditions.sample(), second = conditions.sample();
  EXPECT_GT(first.gmac_per_s, 0);
  EXPECT_GE(first.flag_ns, 0);
  EXPECT_GE(second.steal_s, first.steal_s);
  EXPECT_GT(second.time_s, first.time_s);
}

}  // namespace
}  // namespace fovea::bench
