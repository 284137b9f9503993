// Whole groups of fake workers: who is measured, who fails, and why.
#include "bench/group.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/fake_worker.h"
#include "bench/temp_folder.h"
#include "tasks/npy.h"

namespace fovea::bench {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;

class QuietMachine : public Conditions {
 public:
  Sample sample() override {
    time_ += 1;
    return {100, 80, 0, time_};
  }
  int cores() const override { return 2; }

 private:
  double time_ = 0;
};

Way fake(std::string name, std::vector<std::string> argv) {
  return {std::move(name), std::move(argv), "sh", false, true};
}

class GroupTest : public testing::Test {
 protected:
  GroupTest() : folder_(*TempFolder::make()) {
    model_.path = "/models/fake.onnx";
    model_.name = "fake";
    model_.batch = 4;
    model_.disk_mb = 7;
    group_.model = &model_;
    group_.threads = 2;
    group_.folder = folder_.path().string();
    options_.rounds = {4, 8};
    options_.warm_up_s = 0.001;
    options_.limits = {60, 60};
  }
  GroupResult measure(const std::vector<Way>& ways, size_t baseline = 0) {
    return measure_group(group_, ways, baseline, options_, machine_, events_);
  }

  IgnoreSigpipe ignore_;
  TempFolder folder_;
  ModelCase model_;
  Group group_;
  GroupOptions options_;
  QuietMachine machine_;
  Events events_;
};

TEST_F(GroupTest, RowsHaveFiguresAndRatiosToTheBaseline) {
  const auto result = measure({fake("a", fake_worker_of("2.0")), fake("b", fake_worker_of("1.0"))});
  ASSERT_EQ(result.rows.size(), 2u);
  const Row &a = result.rows[0], &b = result.rows[1];
  EXPECT_FALSE(a.failed) << *a.failed;
  EXPECT_EQ(a.backend, "a");
  EXPECT_EQ(a.library, "Fake 1");
  EXPECT_EQ(a.model, "fake");
  EXPECT_EQ(a.batch, 4);
  EXPECT_EQ(a.threads, 2);
  EXPECT_EQ(a.ms.median, 2);
  EXPECT_EQ(a.images_per_s, 2000);
  EXPECT_EQ(a.load_s, 0.5);
  EXPECT_EQ(a.first_s, 0.25);
  EXPECT_EQ(a.disk_mb, 7);
  EXPECT_GT(*a.rss_mb, 0);
  EXPECT_EQ(a.rounds, 4);
  EXPECT_EQ(a.dropped, 0);
  EXPECT_EQ(a.ratio->value, 1);
  EXPECT_EQ(b.ratio->value, 2);
  EXPECT_EQ(b.ratio->low, 2);
  ASSERT_TRUE(result.same_with_same);
  EXPECT_EQ(result.same_with_same->value, 1);
}

TEST_F(GroupTest, TheBaselineNeedNotBeTheFirst) {
  const auto result = measure({fake("a", fake_worker_of("2.0")), fake("b", fake_worker_of("1.0"))}, 1);
  EXPECT_EQ(result.rows[0].backend, "a");
  EXPECT_EQ(result.rows[0].ratio->value, 0.5);
}

TEST_F(GroupTest, WhoeverFailsTheOthersAreMeasured) {
  options_.limits = {60, 1};
  const auto result = measure({
      fake("good", fake_worker_of("2.0")),
      fake("refuses", fake_worker(R"(echo '{"failed": "no bf16", "fix": "use fp32"}')", ":")),
      fake("dies loading", fake_worker("echo boom >&2; exit 7", ":")),
      fake("dies running", fake_worker(kFakeLoaded, "kill -ABRT $$")),
      fake("hangs", fake_worker(kFakeLoaded, "sleep 1000")),
      fake("talks", fake_worker(kFakeLoaded, "echo 'step 1 of 3'")),
      fake("lies", fake_worker(kFakeLoaded, "echo '{\"ms\": [-3]}'")),
      {"missing", {"/no/such/program"}, "x", false, true},
  });
  ASSERT_EQ(result.rows.size(), 8u);
  EXPECT_FALSE(result.rows[0].failed);
  EXPECT_EQ(result.rows[0].ms.median, 2);
  const char* reasons[] = {"no bf16",     "exit status 7", "signal 6 (Aborted)", "did not answer in time",
                           "step 1 of 3", "no time",       "/no/such/program"};
  for (size_t i = 0; i < std::size(reasons); ++i) {
    ASSERT_TRUE(result.rows[i + 1].failed) << result.rows[i + 1].backend;
    EXPECT_THAT(*result.rows[i + 1].failed, HasSubstr(reasons[i]));
    EXPECT_EQ(result.rows[i + 1].ms.median, 0);
    EXPECT_FALSE(result.rows[i + 1].ratio);
  }
  EXPECT_EQ(result.rows[1].fix, "use fp32");
  EXPECT_FALSE(result.unavailable_only);
}

TEST_F(GroupTest, OneThatDiesBetweenRoundsHasAReasonAndNoFigures) {
  // The second time that it is asked it is no longer there: warming up was the first.
  const auto count = folder_.path() / "count";
  const auto dies = fake_worker(kFakeLoaded, "echo x >> " + count.string() + "; echo '{\"ms\": [1]}'; if [ $(wc -l < " +
                                                 count.string() + ") -ge 3 ]; then kill -KILL $$; fi");
  const auto result = measure({fake("good", fake_worker_of("2.0")), fake("dies", dies)});
  EXPECT_FALSE(result.rows[0].failed);
  EXPECT_EQ(result.rows[0].rounds, 4);
  ASSERT_TRUE(result.rows[1].failed);
  EXPECT_THAT(*result.rows[1].failed, HasSubstr("signal 9"));
  EXPECT_EQ(result.rows[1].ms.median, 0);
}

TEST_F(GroupTest, WithoutABaselineThereAreNoRatios) {
  const auto result = measure({fake("bad", fake_worker("exit 1", ":")), fake("good", fake_worker_of("2.0"))});
  EXPECT_TRUE(result.rows[0].failed);
  EXPECT_FALSE(result.rows[1].failed);
  EXPECT_EQ(result.rows[1].ms.median, 2);
  EXPECT_FALSE(result.rows[1].ratio);
  EXPECT_FALSE(result.same_with_same);
}

TEST_F(GroupTest, OnlyWhatIsMissingIsUnavailable) {
  const auto result = measure({fake(
      "gone", fake_worker(R"(echo '{"failed": "not installed", "fix": "install it", "unavailable": true}')", ":"))});
  EXPECT_TRUE(result.unavailable_only);
  EXPECT_EQ(result.rows[0].fix, "install it");
}

TEST_F(GroupTest, OutputsAreComparedByNameThenByOrder) {
  const auto near = (folder_.path() / "near.npy").string(), far = (folder_.path() / "far.npy").string();
  ASSERT_TRUE(tasks::write_npy(near, Tensor::of<float>({2}, {3, 4.5})).ok());
  ASSERT_TRUE(tasks::write_npy(far, Tensor::of<float>({1}, {1})).ok());
  group_.reference = {Tensor::of<float>({2}, {3, 4})};
  group_.output_names = {"y"};
  const auto gives = [](const std::string& outputs) {
    return fake_worker(
        R"(echo '{"loaded": {"library": "F", "load_s": 1, "first_s": 1, "outputs": [)" + outputs + "]}}'",
        "echo '{\"ms\": [1]}'");
  };
  const auto result = measure({
      fake("by name", gives(R"({"name": "x", "file": ")" + far + R"("}, {"name": "y", "file": ")" + near + R"("})")),
      fake("by order", gives(R"({"name": "output_0", "file": ")" + near + "\"}")),
      fake("other shape", gives(R"({"name": "y", "file": ")" + far + "\"}")),
      fake("no file", gives(R"({"name": "y", "file": "/no/such.npy"})")),
  });
  ASSERT_TRUE(result.rows[0].error);
  EXPECT_DOUBLE_EQ(result.rows[0].error->rel_l2, 0.1);
  ASSERT_TRUE(result.rows[1].error);
  EXPECT_FALSE(result.rows[2].error);
  EXPECT_FALSE(result.rows[3].error);
  for (const Row& row : result.rows) EXPECT_FALSE(row.failed) << *row.failed;
  EXPECT_THAT(result.notes, testing::IsSupersetOf({HasSubstr("other shape"), HasSubstr("no file")}));
}

TEST_F(GroupTest, AnInterruptKeepsWhatWasMeasured) {
  int units = 0;
  events_.advance = [&] { ++units; };
  events_.stop = [&] { return units >= 5; };  // three loads, two rounds
  const auto result = measure({fake("a", fake_worker_of("2.0")), fake("b", fake_worker_of("1.0"))});
  EXPECT_FALSE(result.rows[0].failed);
  EXPECT_EQ(result.rows[0].rounds, 2);
  EXPECT_EQ(result.rows[1].ratio->value, 2);
}

TEST_F(GroupTest, AnInterruptWhileLoadingFailsNobody) {
  events_.stop = [] { return true; };
  const auto result = measure({fake("a", fake_worker_of("2.0"))});
  EXPECT_FALSE(result.rows[0].failed);
  EXPECT_EQ(result.rows[0].ms.median, 0);
}

TEST_F(GroupTest, ProgressHasAsManyUnitsAsWasSaid) {
  int64_t units = 0;
  events_.advance = [&] { ++units; };
  const std::vector<Way> ways = {fake("a", fake_worker_of("2.0")), fake("b", fake_worker("exit 1", ":"))};
  measure(ways);
  EXPECT_EQ(units, units_of_group(ways.size(), options_));
}

}  // namespace
}  // namespace fovea::bench
