// Tuning with clocks and measurements of the test's own: who is chosen, what is measured, what is kept.
#include "cpu/tune.h"

#include <unistd.h>

#include <cmath>
#include <cstring>
#include <deque>
#include <limits>
#include <random>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/cpu_features.h"
#include "cpu/engine.h"
#include "graph/text.h"

namespace fovea::cpu {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::StartsWith;

/// Two equal 3x3 convolutions, one with a residual, a pointwise one, a linear layer.
constexpr const char* kNetwork = R"(graph g (f32[batch,24,30,30] image) -> (y) {
  first = constant f32[72,24,3,3] random(1)
  second = constant f32[72,72,3,3] random(2)
  third = constant f32[72,72,3,3] random(3)
  point = constant f32[40,72,1,1] random(4)
  weight = constant f32[40,100] random(5)
  axes = constant i64[2] {2, 3}
  a = Conv@21(image, first) {pads=[1, 1, 1, 1]}
  b = Relu@14(a)
  c = Conv@21(b, second) {pads=[1, 1, 1, 1]}
  d = Conv@21(c, third) {pads=[1, 1, 1, 1]}
  e = Conv@21(d, point)
  f = ReduceMean@18(e, axes) {keepdims=0}
  y = MatMul@13(f, weight)
})";

std::shared_ptr<const Graph> network() {
  auto graph = parse_graph(kNetwork);
  EXPECT_TRUE(graph.ok()) << graph.error().to_string();
  return std::make_shared<const Graph>(std::move(graph).value());
}

Tensor photo() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  Tensor t = *Tensor::allocate(DType::f32, {1, 24, 30, 30});
  for (int64_t i = 0; i < t.size(); ++i) t.mutable_view().as<float>()[i] = normal(random);
  return t;
}

std::unique_ptr<Engine> compiled(std::shared_ptr<Tuner> tuner, int threads) {
  EngineOptions options;
  options.threads = threads;
  options.tuner = std::move(tuner);
  auto engine = Engine::compile(network(), options);
  EXPECT_TRUE(engine.ok()) << engine.error().to_string();
  return std::move(engine).value();
}

Tensor answer(Engine& engine) {
  const auto outputs = engine.run(std::vector<Tensor>{photo()});
  EXPECT_TRUE(outputs.ok()) << outputs.error().to_string();
  return outputs->at(0);
}

double distance(const Tensor& a, const Tensor& b) {
  double wrong = 0, all = 0;
  for (int64_t i = 0; i < b.size(); ++i) {
    const double x = a.data<float>()[i], y = b.data<float>()[i];
    wrong += (x - y) * (x - y);
    all += y * y;
  }
  return std::sqrt(wrong / all);
}

bool same_bits(const Tensor& a, const Tensor& b) { return std::memcmp(a.raw(), b.raw(), b.bytes()) == 0; }

/// Takes the candidate of this number everywhere, or the last.
class Forced final : public Tuner {
 public:
  explicit Forced(size_t number) : number_(number) {}
  size_t choose(const std::string& key, const LowerNode& /*node*/, std::span<const Candidate> candidates) override {
    most = std::max(most, candidates.size());
    const size_t i = std::min(number_, candidates.size() - 1);
    taken[key] = candidates[i].name;
    return i;
  }
  size_t most = 0;
  Choices taken;

 private:
  size_t number_;
};

/// Times as the test says; the last ones again and again.
class Fake final : public Measurer {
 public:
  explicit Fake(std::deque<std::vector<double>> answers) : answers_(std::move(answers)) {}
  std::vector<double> measure(const LowerNode& /*node*/, std::span<const Candidate> candidates,
                              const std::function<bool()>& /*stop*/) override {
    std::vector<double> times = answers_.front();
    if (answers_.size() > 1) answers_.pop_front();
    times.resize(candidates.size(), 1000);
    return times;
  }

 private:
  std::deque<std::vector<double>> answers_;
};

std::shared_ptr<MeasuringTuner> tuner_of(std::deque<std::vector<double>> answers, std::shared_ptr<TimingCache> cache,
                                         TuneWatch watch = {}) {
  return std::make_shared<MeasuringTuner>(std::move(cache), std::make_unique<Fake>(std::move(answers)), watch);
}

std::shared_ptr<TimingCache> no_file() { return std::make_shared<TimingCache>("", "here"); }

/// Distinct shapes of network() that have more than one way.
size_t asked(int threads) {
  const auto tuner = std::make_shared<Forced>(0);
  answer(*compiled(tuner, threads));
  return tuner->taken.size();
}

TEST(Tune, EveryCandidateGivesTheSameAnswer) {
  EngineOptions plain;
  plain.fast_kernels = false;
  const auto reference = Engine::compile(network(), plain);
  ASSERT_TRUE(reference.ok());
  const Tensor right = answer(**reference);
  for (int threads : {1, 2}) {
    std::set<std::string> names;
    for (size_t number = 0; number < kMostCandidates; ++number) {
      const auto forced = std::make_shared<Forced>(number);
      const auto engine = compiled(forced, threads);
      EXPECT_LT(distance(answer(*engine), right), 1e-5) << number;
      EXPECT_LE(forced->most, kMostCandidates);
      // The third convolution is as the second; instruction sets with one way only do not ask.
      EXPECT_EQ(forced->taken.size(), asked(threads));
      for (const auto& [key, name] : forced->taken) names.insert(name);
    }
    EXPECT_GT(names.size(), active_isa() == Isa::avx512 ? 5u : 1u);
  }
}

TEST(Tune, WithoutATunerTheFirstCandidateIsMade) {
  for (int threads : {1, 2})
    EXPECT_TRUE(
        same_bits(answer(*compiled(std::make_shared<Forced>(0), threads)), answer(*compiled(nullptr, threads))));
}

/// One choice among "a", "b", "c" for a key.
std::string chosen(MeasuringTuner& tuner, const std::string& key, std::vector<std::string> names = {"a", "b", "c"}) {
  static const std::shared_ptr<const Graph> graph = network();
  static WeightStore store;
  static PackedWeights weights(store, true);
  const LowerNode node{*graph, graph->node(graph->order().front()), {}, {}, nullptr, weights, 1};
  std::vector<Candidate> candidates;
  for (const std::string& name : names) candidates.push_back({name, nullptr});
  return names[tuner.choose(key, node, candidates)];
}

TEST(Tune, TheFastestIsChosenButTheFirstWhereItIsAsGood) {
  const double never = std::numeric_limits<double>::infinity();
  const auto tuner = tuner_of({{10, 5, 7}, {10, 9.9, 12}, {never, 8, 7}, {10, never, never}}, no_file());
  EXPECT_EQ(chosen(*tuner, "one"), "b");
  EXPECT_EQ(chosen(*tuner, "two"), "a");
  EXPECT_EQ(chosen(*tuner, "three"), "c");
  EXPECT_EQ(chosen(*tuner, "four"), "a");
  EXPECT_EQ(tuner->measured(), 4);
}

TEST(Tune, WhereNothingWasComparedNothingIsKept) {
  const double never = std::numeric_limits<double>::infinity();
  const auto cache = no_file();
  const auto tuner = tuner_of({{never, 8, 7}, {10, never, never}, {never, never, never}, {10, never, 7}}, cache);
  EXPECT_EQ(chosen(*tuner, "one"), "c");
  EXPECT_EQ(chosen(*tuner, "two"), "a");
  EXPECT_EQ(chosen(*tuner, "three"), "a");
  for (const char* key : {"one", "two", "three"}) EXPECT_EQ(cache->find(key), nullptr) << key;
  EXPECT_EQ(chosen(*tuner, "four"), "c");
  ASSERT_NE(cache->find("four"), nullptr);
  EXPECT_EQ(cache->find("four")->winner, "c");
}

TEST(Tune, TheCostModelNeverChoosesTilesOfSix) {
  // Shapes whose cost it would lower: few channels, a large picture.
  for (const int channels : {16, 32, 64})
    for (const auto& [side, threads] : {std::pair{24, 2}, {96, 1}, {224, 2}}) {
      auto graph = parse_graph(fmt::format(R"(graph (f32[1,{0},{1},{1}] x) -> (y) {{
        w = constant f32[{0},{0},3,3] random(1)
        y = Conv@21(x, w) {{pads=[1, 1, 1, 1]}}
      }})",
                                           channels, side));
      ASSERT_TRUE(graph.ok());
      EngineOptions options;
      options.threads = threads;
      const auto shared = std::make_shared<const Graph>(std::move(graph).value());
      const auto engine = Engine::compile(shared, options);
      ASSERT_TRUE(engine.ok());
      ASSERT_TRUE((*engine)->prepare(std::vector<TensorType>{{DType::f32, {1, channels, side, side}}}).ok());
      const auto plans = (*engine)->plans();
      ASSERT_FALSE(plans.empty());
      for (const std::string& kernel : plans[0].kernels)
        EXPECT_THAT(kernel, testing::Not(testing::HasSubstr("winograd_6x3")))
            << channels << ", " << side << ", " << threads;
    }
}

TEST(Tune, WhatIsKnownIsNotMeasured) {
  const auto cache = no_file();
  EXPECT_EQ(chosen(*tuner_of({{10, 5, 7}}, cache), "one"), "b");
  const auto later = tuner_of({{1, 5, 7}}, cache);
  EXPECT_EQ(chosen(*later, "one"), "b");
  EXPECT_EQ(later->measured(), 0);
  EXPECT_EQ(chosen(*later, "one", {"x", "y"}), "x");  // the winner of before is no candidate any more
  EXPECT_EQ(later->measured(), 1);
}

TEST(Tune, EqualShapesAreMeasuredOnce) {
  std::vector<std::string> begun;
  const auto tuner = tuner_of({{1}}, no_file(), {[&](const std::string& key) { begun.push_back(key); }, nullptr});
  answer(*compiled(tuner, 1));
  EXPECT_EQ(tuner->measured(), static_cast<int>(asked(1)));
  if (active_isa() != Isa::avx512) return;
  EXPECT_THAT(begun, ElementsAre(StartsWith("conv 1x30x30x24 to 30x30x72"), StartsWith("conv 1x30x30x72 to 30x30x72"),
                                 StartsWith("conv 1x30x30x72 to 30x30x40"), StartsWith("linear 1x40 to 100")));
}

TEST(Tune, StoppingKeepsWhatWasMeasured) {
  int left = 2;
  const auto cache = no_file();
  const auto tuner = tuner_of({{5, 1}}, cache, {nullptr, [&] { return left-- <= 0; }});
  EXPECT_EQ(chosen(*tuner, "one"), "b");
  EXPECT_EQ(chosen(*tuner, "two"), "b");
  EXPECT_EQ(chosen(*tuner, "three"), "a");
  EXPECT_EQ(tuner->measured(), 2);
  EXPECT_NE(cache->find("two"), nullptr);
  EXPECT_EQ(cache->find("three"), nullptr);
}

TEST(Tune, AnEngineFileCarriesTheChoices) {
  std::string pattern = (fs::temp_directory_path() / "fovea-XXXXXX").string();
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  const fs::path path = fs::path(pattern) / "a.fovea", copy = fs::path(pattern) / "b.fovea";
  for (size_t number : {1u, 2u, 11u}) {
    const auto engine = compiled(std::make_shared<Forced>(number), 2);
    const Tensor right = answer(*engine);
    ASSERT_TRUE(engine->save(path, {}).ok());
    EngineOptions options;
    options.threads = 2;
    const auto loaded = Engine::load(**EngineFile::open(path), options);
    ASSERT_TRUE(loaded.ok()) << loaded.error().to_string();
    EXPECT_TRUE(same_bits(answer(**loaded), right));
    EXPECT_EQ((*loaded)->plans().at(0).kernels, engine->plans().at(0).kernels);
    ASSERT_TRUE((*loaded)->save(copy, {}).ok());
    const auto again = Engine::load(**EngineFile::open(copy), options);
    ASSERT_TRUE(again.ok()) << again.error().to_string();
    EXPECT_TRUE(same_bits(answer(**again), right));
  }
  fs::remove_all(pattern);
}

/// A clock of which the test says how long runs take.
struct FakeTime {
  double now = 0;
  std::deque<double> probes;  // then 10 for ever
  Clock clock() {
    return {[this] { return now; },
            [this] {
              if (probes.empty()) return 10.0;
              const double probe = probes.front();
              probes.pop_front();
              return probe;
            }};
  }
};

TEST(LeastTimes, TheLeastOfAllRounds) {
  FakeTime time;
  std::vector<int> runs(2);
  const auto least = least_times(
      2, 3, time.clock(), [](size_t) {}, [&](size_t i) { time.now += i == 0 ? 20 + ++runs[0] % 2 : 30 - ++runs[1]; },
      nullptr);
  EXPECT_THAT(least, ElementsAre(20, 27));
  EXPECT_THAT(runs, ElementsAre(3, 3));
}

TEST(LeastTimes, RunsUnderASlowClockAreRepeated) {
  FakeTime time;
  time.probes = {10, 10, 10, 10, 10, /*first run:*/ 10, 15, /*again:*/ 10, 10};
  int runs = 0;
  const auto least = least_times(
      1, 2, time.clock(), [](size_t) {}, [&](size_t) { time.now += ++runs == 1 ? 1 : 7; }, nullptr);
  EXPECT_THAT(least, ElementsAre(7));  // the 1 does not count
  EXPECT_EQ(runs, 3);
}

TEST(LeastTimes, AClockThatStaysSlowEndsAllTheSame) {
  FakeTime time;
  time.probes.assign(1000, 20);
  time.probes.front() = 10;
  int runs = 0;
  least_times(
      1, 7, time.clock(), [](size_t) {}, [&](size_t) { ++runs, time.now += 5; }, nullptr);
  EXPECT_EQ(runs, 3 * 7);
}

TEST(LeastTimes, WhatIsFarBehindRunsNoMore) {
  FakeTime time;
  std::vector<int> runs(2);
  least_times(
      2, 7, time.clock(), [](size_t) {}, [&](size_t i) { ++runs[i], time.now += i == 0 ? 10 : 16; }, nullptr);
  EXPECT_THAT(runs, ElementsAre(7, 3));
}

TEST(StepMeasurer, MakesAndRunsAllCandidatesOfARealNetwork) {
  for (int threads : {1, 2}) {
    FakeTime time;
    Clock clock = time.clock();
    clock.now_us = [&] { return time.now += 1; };  // all are as fast as each other
    const auto cache = no_file();
    const auto tuner = std::make_shared<MeasuringTuner>(cache, std::make_unique<StepMeasurer>(threads, clock));
    EXPECT_TRUE(same_bits(answer(*compiled(tuner, threads)), answer(*compiled(nullptr, threads))));
    EXPECT_EQ(tuner->measured(), static_cast<int>(asked(threads)));
  }
}

}  // namespace
}  // namespace fovea::cpu
