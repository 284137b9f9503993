#include "bench/rounds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fovea::bench {
namespace {

using testing::ElementsAre;

/// A machine on paper: one second passes between samples.
class Paper : public Conditions {
 public:
  Sample sample() override {
    ++taken;
    next.time_s += 1;
    return next;
  }
  int cores() const override { return 2; }
  Sample next{100, 80, 0, 0};
  int taken = 0;
};

Round round_of(std::initializer_list<Sample> samples) { return {{}, samples}; }

const auto kAlways = [] { return true; };
const auto kNobody = [](int) {};

TEST(Rounds, TheOrderTurnsWithEachRound) {
  EXPECT_THAT(order_of_round(3, 0), ElementsAre(0, 1, 2));
  EXPECT_THAT(order_of_round(3, 1), ElementsAre(2, 1, 0));
  EXPECT_THAT(order_of_round(3, 2), ElementsAre(0, 1, 2));
}

TEST(Rounds, EachWorkerRunsABlockInEach) {
  Paper machine;
  std::vector<size_t> asked;
  const auto rounds = run_rounds(
      2, {3, 9}, machine,
      [&](size_t worker) {
        asked.push_back(worker);
        return std::vector<double>{1.0 + static_cast<double>(worker)};
      },
      kAlways, kNobody);
  EXPECT_THAT(asked, ElementsAre(0, 1, 1, 0, 0, 1));
  ASSERT_EQ(rounds.size(), 3u);
  EXPECT_THAT(rounds[1].ms, ElementsAre(ElementsAre(1.0), ElementsAre(2.0)));
  EXPECT_EQ(rounds[0].samples.size(), 3u);  // around and between two blocks
}

TEST(Rounds, ASlowClockSpoilsARound) {
  const std::vector<Round> rounds = {round_of({{100, 0, 0, 0}, {99, 0, 0, 1}}),
                                     round_of({{99, 0, 0, 2}, {96, 0, 0, 3}}),
                                     round_of({{97.5, 0, 0, 4}, {98, 0, 0, 5}})};
  EXPECT_THAT(quiet_rounds(rounds, 2), ElementsAre(true, false, true));
}

TEST(Rounds, StolenTimeSpoilsARound) {
  // Of 10 s on two cores 0.1 s is the limit.
  const std::vector<Round> rounds = {round_of({{100, 0, 5, 0}, {100, 0, 5.09, 10}}),
                                     round_of({{100, 0, 5.1, 10}, {100, 0, 5.3, 20}})};
  EXPECT_THAT(quiet_rounds(rounds, 2), ElementsAre(true, false));
}

TEST(Rounds, AChangeOfStateSpoilsARoundAndTheStatesThemselvesDoNot) {
  const std::vector<Round> rounds = {round_of({{100, 70, 0, 0}, {100, 80, 0, 1}}),
                                     round_of({{100, 70, 0, 2}, {100, 340, 0, 3}}),
                                     round_of({{100, 340, 0, 4}, {100, 320, 0, 5}}),
                                     round_of({{100, 0, 0, 6}, {100, 340, 0, 7}})};  // 0: it could not be measured
  EXPECT_THAT(quiet_rounds(rounds, 2), ElementsAre(true, false, true, true));
}

TEST(Rounds, SpoiltOnesAreRepeatedUpToTheLimit) {
  Paper machine;
  int reported = -1;
  const auto block = [&](size_t) {
    // The second round is disturbed.
    machine.next.steal_s += machine.taken == 4 ? 1 : 0;
    return std::vector<double>{1};
  };
  const auto rounds = run_rounds(2, {3, 9}, machine, block, kAlways, [&](int counting) { reported = counting; });
  EXPECT_EQ(rounds.size(), 4u);
  EXPECT_EQ(reported, 3);

  // Two of three are disturbed.
  const auto often = [&](size_t) {
    machine.next.steal_s += machine.taken % 9 == 1 ? 0 : 1;
    return std::vector<double>{1};
  };
  machine.taken = 0;
  EXPECT_EQ(run_rounds(1, {10, 30}, machine, often, kAlways, kNobody).size(), 30u);
}

TEST(Rounds, AMachineThatIsNeverQuietIsNotWaitedFor) {
  Paper machine;
  const auto block = [&](size_t) {
    machine.next.steal_s += 1;
    return std::vector<double>{1};
  };
  EXPECT_EQ(run_rounds(2, {3, 9}, machine, block, kAlways, kNobody).size(), 3u);
}

TEST(Rounds, AWorkerThatFailedIsNotAskedAgainAndTheOthersGoOn) {
  Paper machine;
  int asked = 0;
  const auto rounds = run_rounds(
      2, {3, 9}, machine,
      [&](size_t worker) {
        if (worker == 0) return std::vector<double>{1};
        return ++asked == 2 ? std::vector<double>{} : std::vector<double>{1};
      },
      kAlways, kNobody);
  EXPECT_EQ(asked, 2);
  ASSERT_EQ(rounds.size(), 3u);
  EXPECT_TRUE(rounds[2].ms[1].empty());
  EXPECT_EQ(rounds[2].ms[0].size(), 1u);
}

TEST(Rounds, NobodyLeftOrAnInterruptEndsThem) {
  Paper machine;
  const auto fail = [](size_t) { return std::vector<double>{}; };
  EXPECT_EQ(run_rounds(2, {3, 9}, machine, fail, kAlways, kNobody).size(), 1u);
  int blocks = 0;
  const auto rounds = run_rounds(
      2, {3, 9}, machine,
      [&](size_t) {
        ++blocks;
        return std::vector<double>{1};
      },
      [&] { return blocks < 3; }, kNobody);
  EXPECT_EQ(rounds.size(), 1u);  // the second was not finished
}

}  // namespace
}  // namespace fovea::bench
