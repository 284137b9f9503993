#include "bench/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/report_example.h"

namespace fovea::bench {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// The example with its second row (native, fp32) slower by this share.
Report slower_by(double share) {
  Report report = example_report();
  report.rows[1].ms.median *= 1 + share;
  return report;
}

TEST(Compare, TheSameReportIsNoRegression) {
  const Comparison same = compare(example_report(), example_report(), 0.05);
  EXPECT_FALSE(same.regressed);
  EXPECT_THAT(same.changes, SizeIs(5));
  EXPECT_THAT(same.still_failing, SizeIs(1));
  EXPECT_THAT(same.notes, IsEmpty());
  EXPECT_THAT(to_text(same), HasSubstr("no regression: 0 slower by more than 5 %"));
}

TEST(Compare, SlowerThanTheLimitAndTheSpreadIsARegression) {
  const Comparison result = compare(example_report(), slower_by(0.08), 0.05);
  EXPECT_TRUE(result.regressed);
  EXPECT_TRUE(result.changes.front().regressed);  // the worst comes first
  EXPECT_NEAR(result.changes.front().slower_by, 0.08, 1e-9);
  EXPECT_THAT(to_text(result), HasSubstr("REGRESSED    resnet50 native fp32, batch 1, 2 threads"));
  EXPECT_FALSE(compare(example_report(), slower_by(0.04), 0.05).regressed);
  EXPECT_FALSE(compare(example_report(), slower_by(-0.3), 0.05).regressed);
}

TEST(Compare, WhatIsWithinTheSpreadOfEitherIsNoRegression) {
  Report shaky = example_report();
  shaky.same_with_same = Ratio{1, 0.88, 1.1};
  for (const Comparison& result : {compare(shaky, slower_by(0.08), 0.05), compare(slower_by(-0.075), shaky, 0.05)}) {
    EXPECT_FALSE(result.regressed);
    EXPECT_THAT(to_text(result), HasSubstr("within the spread of A against A"));
  }
  EXPECT_TRUE(compare(shaky, slower_by(0.2), 0.05).regressed);
}

TEST(Compare, VanishedAndFailedRowsAreRegressions) {
  Report fewer = example_report();
  fewer.rows.erase(fewer.rows.begin() + 1);
  const Comparison vanished = compare(example_report(), fewer, 0.05);
  EXPECT_TRUE(vanished.regressed);
  EXPECT_THAT(to_text(vanished), HasSubstr("VANISHED     resnet50 native fp32, batch 1, 2 threads"));

  Report broken = example_report();
  broken.rows[1].failed = "out of memory";
  const Comparison failed = compare(example_report(), broken, 0.05);
  EXPECT_TRUE(failed.regressed);
  EXPECT_THAT(to_text(failed), HasSubstr("FAILED       resnet50 native fp32, batch 1, 2 threads: out of memory"));
}

TEST(Compare, NewRowsAndMendedOnesAreListedAndWelcome) {
  Report fewer = example_report();
  fewer.rows.erase(fewer.rows.begin() + 1);
  fewer.rows[1].failed = "no such precision";
  const Comparison result = compare(fewer, example_report(), 0.05);
  EXPECT_FALSE(result.regressed);
  EXPECT_THAT(result.added, SizeIs(2));
  EXPECT_THAT(to_text(result), HasSubstr("new          resnet50 native bf16, batch 1, 2 threads: failed before"));
}

TEST(Compare, AnotherMachineOrClockIsSaid) {
  Report other = example_report();
  other.machine.cpu = "Another CPU";
  other.machine.peaks[1].gmac_per_s = 140;
  other.same_with_same.reset();
  const std::string text = to_text(compare(example_report(), other, 0.05));
  EXPECT_THAT(text, HasSubstr("the machines differ: AMD EPYC <7R13> (avx2, 2 cores), now Another CPU (avx2, 2 cores)"));
  EXPECT_THAT(text, HasSubstr("the measured fp32 peak was 117 GMAC/s and is 140"));
  EXPECT_THAT(text, HasSubstr("A against A was not measured in both"));
}

TEST(Compare, NothingInCommonIsSaid) {
  Report other = example_report();
  other.rows.clear();
  EXPECT_THAT(to_text(compare(other, example_report(), 0.05)), HasSubstr("nothing to compare"));
}

}  // namespace
}  // namespace fovea::bench
