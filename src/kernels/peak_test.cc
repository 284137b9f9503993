#include "kernels/peak.h"

#include <gtest/gtest.h>

#include "base/cpu_features.h"

namespace fovea::kernels {
namespace {

TEST(Peak, EveryLoopOfThisCpuRuns) {
  for (PeakFormat format : {PeakFormat::fp32, PeakFormat::bf16, PeakFormat::int8}) {
    const PeakLoop* loop = peak_loop(format);
    if (!loop) continue;
    EXPECT_GT(loop->products, 0) << loop->name;
    loop->run(1000);
  }
}

TEST(Peak, FloatsHaveALoopOnEveryCpuAndItsNameTellsWhichOne) {
  ASSERT_NE(peak_loop(PeakFormat::fp32), nullptr);
  ASSERT_NE(peak_loop(PeakFormat::bf16), nullptr);
  const std::string_view name = peak_loop(PeakFormat::fp32)->name;
  EXPECT_TRUE(name.starts_with(name_of(active_isa())) || active_isa() == Isa::avx512) << name;
}

}  // namespace
}  // namespace fovea::kernels
