// Workers that die, hang, print junk or print without end: each becomes an error that says so, and leaves nothing
// behind.
#include "bench/worker.h"

#include <signal.h>

#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/fake_worker.h"

namespace fovea::bench {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class WorkerTest : public testing::Test {
 protected:
  std::unique_ptr<Worker> start(const std::vector<std::string>& argv, WorkerLimits limits = {60, 60}) {
    auto worker = Worker::start(argv, "the command", limits, [this] { return stop_; });
    EXPECT_TRUE(worker.ok()) << worker.error().to_string();
    return *std::move(worker);
  }
  IgnoreSigpipe ignore_;
  bool stop_ = false;
};

TEST_F(WorkerTest, LoadsRunsAndStops) {
  auto worker = start(fake_worker_of("1.5"));
  const auto loaded = worker->load({});
  ASSERT_TRUE(loaded.ok()) << loaded.error().to_string();
  EXPECT_EQ(loaded->library, "Fake 1");
  const auto times = worker->run({3, 1});
  ASSERT_TRUE(times.ok()) << times.error().to_string();
  EXPECT_THAT(*times, ElementsAre(1.5, 1.5, 1.5));
  EXPECT_GT(worker->usage().peak_rss_mb, 0);
  EXPECT_FALSE(worker->steps({1}).ok());
  EXPECT_TRUE(worker->alive());  // it only said that it cannot
  worker->stop();
  EXPECT_FALSE(worker->alive());
}

TEST_F(WorkerTest, AProgramThatIsNotThereIsNamed) {
  const auto worker = Worker::start({"/no/such/program"}, "x", {}, nullptr);
  ASSERT_FALSE(worker.ok());
  EXPECT_THAT(worker.error().to_string(), HasSubstr("/no/such/program"));
}

TEST_F(WorkerTest, ARefusalIsTheWorkersOwnWords) {
  auto worker = start(fake_worker(R"(echo '{"failed": "no such precision", "fix": "use fp32"}')", ":"));
  const auto loaded = worker->load({});
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().to_string(), "no such precision; use fp32");
  EXPECT_FALSE(worker->alive());
}

TEST_F(WorkerTest, DyingWhileLoadingQuotesItsLastWords) {
  auto worker = start(fake_worker("echo 'ImportError: no module' >&2; exit 3", ":"));
  const auto loaded = worker->load({});
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.error().to_string(), AllOf(HasSubstr("while loading"), HasSubstr("exit status 3"),
                                                HasSubstr("ImportError: no module"), HasSubstr("the command")));
}

TEST_F(WorkerTest, DyingWhileRunningNamesTheSignal) {
  auto worker = start(fake_worker(kFakeLoaded, "kill -SEGV $$"));
  ASSERT_TRUE(worker->load({}).ok());
  const auto times = worker->run({3, 1});
  ASSERT_FALSE(times.ok());
  EXPECT_THAT(times.error().to_string(),
              AllOf(HasSubstr("while running"), HasSubstr("signal 11 (Segmentation fault)")));
  EXPECT_FALSE(worker->run({3, 1}).ok());  // and stays dead
}

TEST_F(WorkerTest, DyingBetweenRequestsIsAnErrorOfTheNext) {
  auto worker = start(fake_worker(kFakeLoaded + "; kill -KILL $$", ":"));
  ASSERT_TRUE(worker->load({}).ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const auto times = worker->run({3, 1});
  ASSERT_FALSE(times.ok());
  EXPECT_THAT(times.error().to_string(), AllOf(HasSubstr("signal 9 (Killed)"), HasSubstr("memory")));
}

TEST_F(WorkerTest, AProgramThatIsNoWorkerEndsAtOnce) {
  const auto loaded = start({"/bin/sh", "-c", "exit 0"})->load({});
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.error().to_string(), HasSubstr("exit status 0"));
}

TEST_F(WorkerTest, HangingEndsWithTheTimeout) {
  auto worker = start(fake_worker("sleep 1000", ":"), {0.2, 0.2});
  const auto loaded = worker->load({});
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.error().to_string(), AllOf(HasSubstr("did not answer in time"), HasSubstr("--timeout")));
}

TEST_F(WorkerTest, AnInterruptEndsTheWaiting) {
  auto worker = start(fake_worker("sleep 1000", ":"));
  stop_ = true;
  const auto loaded = worker->load({});
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().code, ErrorCode::unavailable);
  EXPECT_FALSE(worker->alive());
}

TEST_F(WorkerTest, WhatItStartedEndsWithIt) {
  // The sleeping child is in the worker's group; killing the worker must not leave it behind.
  auto worker = start(fake_worker("sleep 1000 & " + kFakeLoaded, ":"));
  ASSERT_TRUE(worker->load({}).ok());
  const auto child = worker->usage();
  EXPECT_GT(child.rss_mb, 0);
  const pid_t group = worker->pid();
  worker.reset();
  for (int i = 0; i < 500 && kill(-group, 0) == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_NE(kill(-group, 0), 0);
}

TEST_F(WorkerTest, JunkOnStdoutIsQuoted) {
  const auto loaded = start(fake_worker("echo 'Downloading weights: 3 %'", ":"))->load({});
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.error().to_string(), AllOf(HasSubstr("Downloading weights: 3 %"), HasSubstr("stderr")));
}

TEST_F(WorkerTest, TwoLinesOrAnUnaskedOneAreNoAnswer) {
  const auto two = start(fake_worker("printf '{}\\n{}\\n'", ":"))->load({});
  ASSERT_FALSE(two.ok());
  EXPECT_THAT(two.error().to_string(), HasSubstr("one"));

  auto unasked = start(fake_worker(kFakeLoaded + "; (sleep 0.05; echo hello)", ":"));
  ASSERT_TRUE(unasked->load({}).ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const auto times = unasked->run({3, 1});
  ASSERT_FALSE(times.ok());
}

TEST_F(WorkerTest, AFloodIsStoppedAtItsLimit) {
  const auto loaded = start(fake_worker("cat /dev/zero", ":"))->load({});
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.error().to_string(), HasSubstr("16 MB"));
}

TEST_F(WorkerTest, AFloodOnStderrIsReadAndForgotten) {
  auto worker = start(fake_worker("head -c 3000000 /dev/zero | tr '\\0' 'e' >&2; " + kFakeLoaded, ":"));
  EXPECT_TRUE(worker->load({}).ok());
}

TEST_F(WorkerTest, ItInheritsThreeDescriptorsOnly) {
  const int stray = dup(STDERR_FILENO);  // without close-on-exec
  ASSERT_GE(stray, 0);
  auto worker = start(fake_worker("n=0; for f in /proc/self/fd/*; do n=$((n + 1)); done; if [ $n -le 4 ]; then " +
                                      kFakeLoaded + "; else echo $n; fi",
                                  ":"));
  const auto loaded = worker->load({});
  EXPECT_TRUE(loaded.ok()) << loaded.error().to_string();  // 0, 1, 2, and the one that lists them
  close(stray);
}

}  // namespace
}  // namespace fovea::bench
