#include "bench/conditions.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <system_error>
#include <thread>

namespace fovea::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// Keeps the calling thread on one CPU, as long as it lives.
class Pin {
 public:
  explicit Pin(int cpu) {
    saved_ = sched_getaffinity(0, sizeof before_, &before_) == 0;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<size_t>(cpu), &one);
    sched_setaffinity(0, sizeof one, &one);
  }
  ~Pin() {
    if (saved_) sched_setaffinity(0, sizeof before_, &before_);
  }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

 private:
  cpu_set_t before_{};
  bool saved_;
};

/// The ball in a game of two: even numbers are one's, odd ones the other's.
struct Game {
  alignas(64) std::atomic<uint32_t> ball{0};
  alignas(64) std::atomic<bool> over{false};

  /// False where the game is over.
  bool await(uint32_t value) const {
    while (ball.load(std::memory_order_acquire) != value)
      if (over.load(std::memory_order_relaxed)) return false;
    return true;
  }
  /// False where the other one does not play: another program has its CPU.
  bool await(uint32_t value, Clock::time_point deadline) const {
    for (uint32_t looks = 0; ball.load(std::memory_order_acquire) != value; ++looks) {
      constexpr uint32_t kLooks = 4096;
      if (looks % kLooks == kLooks - 1 && Clock::now() > deadline) return false;
    }
    return true;
  }
};

}  // namespace

double flag_latency_ns() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE && cpus.size() < 2; ++cpu)
    if (CPU_ISSET(static_cast<size_t>(cpu), &set)) cpus.push_back(cpu);
  if (cpus.size() < 2) return 0;

  constexpr int kSeries = 5;
  constexpr uint32_t kRallies = 200;
  Game game;
  std::thread partner;
  try {  // the one way in which std::thread reports that there are no more threads
    partner = std::thread([&] {
      const Pin pin(cpus[1]);
      for (uint32_t i = 1; i < 2 * kRallies * kSeries && game.await(i); i += 2)
        game.ball.store(i + 1, std::memory_order_release);
    });
  } catch (const std::system_error&) {
    return 0;
  }
  double best = std::numeric_limits<double>::infinity();
  const Pin pin(cpus[0]);
  const auto deadline = Clock::now() + std::chrono::milliseconds(20);
  uint32_t ball = 0;
  bool playing = game.await(0, deadline);
  for (int series = 0; series < kSeries && playing; ++series) {
    const auto start = Clock::now();
    for (uint32_t i = 0; i < kRallies && playing; ++i) {
      game.ball.store(ball + 1, std::memory_order_release);
      ball += 2;
      playing = game.await(ball, deadline);
    }
    const double ns = std::chrono::duration<double, std::nano>(Clock::now() - start).count();
    if (playing) best = std::min(best, ns / (2 * kRallies));
  }
  game.over = true;
  partner.join();
  return std::isfinite(best) ? best : 0;
}

double stolen_seconds() {
  std::ifstream file("/proc/stat");
  std::string cpu;
  double user = 0, nice = 0, system = 0, idle = 0, waiting = 0, irq = 0, softirq = 0, steal = 0;
  if (!(file >> cpu >> user >> nice >> system >> idle >> waiting >> irq >> softirq >> steal)) return 0;
  return steal / static_cast<double>(sysconf(_SC_CLK_TCK));
}

Sample MachineConditions::sample() {
  Sample sample;
  sample.gmac_per_s = probe_.gmac_per_s(kernels::PeakFormat::fp32);
  sample.flag_ns = flag_latency_ns();
  sample.steal_s = stolen_seconds();
  sample.time_s = std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
  return sample;
}

}  // namespace fovea::bench
