// Tuning with times of the test's own: who is chosen, what is measured, what is kept.
#include "cpu/tune.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

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

/// Steps take as long as the test says of the candidate's name and of the shape; all others nothing.
class Fake final : public PlanTimer {
 public:
  using Say = std::function<double(const std::string& key, const std::string& name)>;
  explicit Fake(Say say, double factor_of_others = 1) : say_(std::move(say)), others_(factor_of_others) {}
  PlanTimes time(const Plan& plan) override {
    PlanTimes times;
    bool usual = true;
    for (size_t i = 0; i < plan.steps(); ++i) {
      const std::string& key = plan.tuning_key_of_step(i);
      double us = 0;
      if (!key.empty()) {
        const std::string& name = plan.choices().at(key);
        us = say_(key, name);
        names[key].insert(name);
        usual = usual && first_.try_emplace(key, name).first->second == name;
      }
      times.steps.push_back(us);
      times.whole += us;
    }
    if (!usual) times.whole *= others_;
    ++plans;
    return times;
  }
  std::map<std::string, std::set<std::string>> names;  // that ran
  int plans = 0;

 private:
  Say say_;
  double others_;  // of the whole run's time, in plans of other candidates than the first ones
  Choices first_;
};

/// 100 us, but for the second candidate that is heard of for a key.
Fake::Say second_takes(double us) {
  const auto heard = std::make_shared<std::map<std::string, std::vector<std::string>>>();
  return [us, heard](const std::string& key, const std::string& name) {
    auto& names = (*heard)[key];
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    return names.size() > 1 && names[1] == name ? us : 100.0;
  };
}

struct Tuning {
  Fake* timer;
  std::shared_ptr<MeasuringTuner> tuner;
};
Tuning tuning_of(Fake::Say say, std::shared_ptr<TimingCache> cache, TuneWatch watch = {}, double factor_of_others = 1) {
  auto timer = std::make_unique<Fake>(std::move(say), factor_of_others);
  Fake* known = timer.get();
  return {known, std::make_shared<MeasuringTuner>(std::move(cache), std::move(timer), watch)};
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

/// What a plan of network() has chosen.
Choices choices_of(const std::shared_ptr<Tuner>& tuner, int threads) {
  class Spy final : public Tuner {
   public:
    explicit Spy(std::shared_ptr<Tuner> tuner) : tuner_(std::move(tuner)) {}
    void learn(const TrialMaker& make) override { tuner_->learn(make); }
    size_t choose(const std::string& key, const LowerNode& node, std::span<const Candidate> candidates) override {
      const size_t i = tuner_->choose(key, node, candidates);
      chosen[key] = candidates[i].name;
      return i;
    }
    Choices chosen;

   private:
    std::shared_ptr<Tuner> tuner_;
  };
  const auto spy = std::make_shared<Spy>(tuner);
  answer(*compiled(spy, threads));
  return spy->chosen;
}

Choices candidates_of(size_t number, int threads) {
  const auto forced = std::make_shared<Forced>(number);
  answer(*compiled(forced, threads));
  return forced->taken;
}

TEST(Tune, TheFastestIsChosenButTheFirstWhereItIsAsGood) {
  for (int threads : {1, 2}) {
    EXPECT_EQ(choices_of(tuning_of(second_takes(50), no_file()).tuner, threads), candidates_of(1, threads));
    EXPECT_EQ(choices_of(tuning_of(second_takes(99), no_file()).tuner, threads), candidates_of(0, threads));
    EXPECT_EQ(choices_of(tuning_of(second_takes(150), no_file()).tuner, threads), candidates_of(0, threads));
  }
}

TEST(Tune, WinnersThatAreNotFasterTogetherAreNotTaken) {
  const auto cache = no_file();
  const Tuning tuning = tuning_of(second_takes(50), cache, {}, 3);
  EXPECT_EQ(choices_of(tuning.tuner, 1), candidates_of(0, 1));
  for (const auto& [key, name] : candidates_of(0, 1)) EXPECT_EQ(cache->find(key)->winner, name);
}

TEST(Tune, EveryCandidateRunsAndTheHopelessOnesOnce) {
  const Tuning tuning = tuning_of(second_takes(400), no_file());
  answer(*compiled(tuning.tuner, 1));
  size_t most = 0, names = 0;
  for (const auto& [key, ran] : tuning.timer->names) names += ran.size(), most = std::max(most, ran.size());
  std::set<std::pair<std::string, std::string>> all;
  for (size_t number = 0; number < kMostCandidates; ++number)
    for (const auto& choice : candidates_of(number, 1)) all.insert(choice);
  EXPECT_EQ(names, all.size());
  // Three rounds, two of them without the second one, and four plans in the end.
  EXPECT_EQ(tuning.timer->plans, static_cast<int>(most + 2 * (most - 1) + 4));
}

TEST(Tune, WhereNothingRunsNothingIsKept) {
  class Never final : public PlanTimer {
   public:
    PlanTimes time(const Plan& /*plan*/) override { return {}; }
  };
  const auto cache = no_file();
  const auto tuner = std::make_shared<MeasuringTuner>(cache, std::make_unique<Never>());
  EXPECT_EQ(choices_of(tuner, 1), candidates_of(0, 1));
  EXPECT_EQ(tuner->measured(), 0);
  for (const auto& [key, name] : candidates_of(0, 1)) EXPECT_EQ(cache->find(key), nullptr);
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
  const Choices first = choices_of(tuning_of(second_takes(50), cache).tuner, 1);
  const Tuning later = tuning_of(second_takes(500), cache);
  EXPECT_EQ(choices_of(later.tuner, 1), first);
  EXPECT_EQ(later.tuner->measured(), 0);
  EXPECT_EQ(later.timer->plans, 0);
  const std::string key = first.begin()->first;
  ASSERT_TRUE(cache->add(key, {"a way of before", {}}).ok());  // no candidate any more
  EXPECT_EQ(choices_of(later.tuner, 1).at(key), candidates_of(0, 1).at(key));
  EXPECT_EQ(later.tuner->measured(), 1);
}

TEST(Tune, EqualShapesAreMeasuredOnce) {
  const Tuning tuning = tuning_of([](const std::string&, const std::string&) { return 1.0; }, no_file());
  const auto engine = compiled(tuning.tuner, 1);
  answer(*engine);
  answer(*engine);
  EXPECT_EQ(tuning.tuner->measured(), static_cast<int>(asked(1)));
  if (active_isa() != Isa::avx512) return;
  std::vector<std::string> keys;
  for (const auto& [key, names] : tuning.timer->names) keys.push_back(key);
  EXPECT_THAT(keys, ElementsAre(StartsWith("conv 1x30x30x24 to 30x30x72"), StartsWith("conv 1x30x30x72 to 30x30x40"),
                                StartsWith("conv 1x30x30x72 to 30x30x72"), StartsWith("linear 1x40 to 100")));
}

TEST(Tune, StoppingKeepsNothing) {
  int left = 3;
  const auto cache = no_file();
  const Tuning tuning = tuning_of(second_takes(50), cache, {nullptr, [&] { return left-- <= 0; }});
  EXPECT_EQ(choices_of(tuning.tuner, 1), candidates_of(0, 1));
  EXPECT_GT(tuning.timer->plans, 0);
  for (const auto& [key, name] : candidates_of(0, 1)) EXPECT_EQ(cache->find(key), nullptr);
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

TEST(RunTimer, RunsAllCandidatesOfARealNetwork) {
  for (int threads : {1, 2}) {
    const auto tuner = std::make_shared<MeasuringTuner>(no_file(), std::make_unique<RunTimer>(threads));
    EXPECT_LT(distance(answer(*compiled(tuner, threads)), answer(*compiled(nullptr, threads))), 1e-5);
    EXPECT_EQ(tuner->measured(), static_cast<int>(asked(threads)));
  }
}

TEST(RunTimer, CallsWhosePlanIsKnownGoOnWhileAnotherIsTuned) {
  // A tuner that waits in learn() until another call has been answered.
  class Waiting final : public Tuner {
   public:
    void learn(const TrialMaker& /*make*/) override {
      std::unique_lock lock(mutex);
      ++plans;
      changed.notify_all();
      changed.wait(lock, [&] { return plans == 1 || answered; });
    }
    size_t choose(const std::string&, const LowerNode&, std::span<const Candidate>) override { return 0; }
    std::mutex mutex;
    std::condition_variable changed;
    int plans = 0;
    bool answered = false;
  };
  const auto tuner = std::make_shared<Waiting>();
  const auto engine = compiled(tuner, 1);
  answer(*engine);
  std::thread other([&] {
    Tensor two = *Tensor::allocate(DType::f32, {2, 24, 30, 30});
    EXPECT_TRUE(engine->run(std::vector<Tensor>{two}).ok());
  });
  {
    std::unique_lock lock(tuner->mutex);
    tuner->changed.wait(lock, [&] { return tuner->plans == 2; });
  }
  answer(*engine);
  {
    const std::lock_guard lock(tuner->mutex);
    tuner->answered = true;
  }
  tuner->changed.notify_all();
  other.join();
}

}  // namespace
}  // namespace fovea::cpu
