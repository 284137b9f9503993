#include "bench/machine.h"

#include <sys/utsname.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>

#include <fmt/format.h>

#include "base/cpu_features.h"
#include "base/cpu_model.h"
#include "base/system.h"
#include "fovea/tensor.h"

namespace fovea::bench {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

constexpr struct {
  kernels::PeakFormat format;
  const char* precision;
} kFormats[] = {
    {kernels::PeakFormat::fp32, "fp32"}, {kernels::PeakFormat::bf16, "bf16"}, {kernels::PeakFormat::int8, "int8"}};

/// Bytes that are read at once: several times what caches of today hold, but never much of the memory.
int64_t bandwidth_buffer_bytes() {
  constexpr int64_t kLeast = 128 << 20, kMost = 1 << 30;
  const int64_t beyond_caches = std::clamp(int64_t{4} * cache_sizes().l3, kLeast, kMost);
  return std::min(beyond_caches, memory_limit() / 16);
}

}  // namespace

Machine describe_machine() {
  Machine machine;
  machine.cpu = cpu_model();
  if (machine.cpu.empty()) machine.cpu = "unknown";
  machine.isa = name_of(active_isa());
  const CpuFeatures& features = cpu_features();
  const std::pair<bool, const char*> extensions[] = {
      {features.avx_vnni, " avx_vnni"}, {features.avx512_vnni, " avx512_vnni"}, {features.avx512_bf16, " avx512_bf16"},
      {features.amx_bf16, " amx"},      {features.arm_dotprod, " dotprod"},     {features.arm_i8mm, " i8mm"},
      {features.arm_bf16, " bf16"}};
  for (const auto& [there, name] : extensions)
    if (there) machine.isa += name;
  if (utsname system{}; uname(&system) == 0)
    machine.system = fmt::format("{} {} {}", system.sysname, system.release, system.machine);
  machine.cores = granted_cores();
  machine.memory_gb = static_cast<double>(memory_limit()) * 1e-9;
  return machine;
}

double PeakProbe::gmac_per_s(kernels::PeakFormat format, double ms, PeakClock clock) {
  const kernels::PeakLoop* loop = kernels::peak_loop(format);
  if (!loop) return 0;
  std::vector<double> rates(static_cast<size_t>(pool_.size()));
  pool_.parallel_for(pool_.size(), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      constexpr int64_t kSteps = 5000;  // some 10 us
      loop->run(kSteps);
      const auto start = Clock::now();
      const double cpu_start = thread_cpu_seconds();
      int64_t steps = 0;
      double passed = 0;
      while (passed * 1e3 < ms) {
        loop->run(kSteps);
        steps += kSteps;
        passed = seconds_since(start);
      }
      if (clock == PeakClock::cpu) passed = std::max(thread_cpu_seconds() - cpu_start, 1e-6);
      rates[static_cast<size_t>(i)] = static_cast<double>(steps) * static_cast<double>(loop->products) / passed;
    }
  });
  double sum = 0;
  for (double rate : rates) sum += rate;
  return sum * 1e-9;
}

std::vector<Peak> measure_peaks(int threads) {
  PeakProbe probe(threads);
  std::vector<Peak> peaks;
  // More threads than cores share them: then only the clock on the wall tells what they do together.
  const PeakClock clock = threads <= granted_cores() ? PeakClock::cpu : PeakClock::wall;
  for (const auto& [format, precision] : kFormats) {
    constexpr int kProbes = 4;
    double best = 0;
    for (int i = 0; i < kProbes; ++i) best = std::max(best, probe.gmac_per_s(format, 10, clock));
    if (best > 0) peaks.push_back({precision, threads, best});
  }
  return peaks;
}

double measure_memory_gb_per_s(int threads) {
  ThreadPool pool(threads);
  const int64_t lines = bandwidth_buffer_bytes() / 64;
  auto buffer = Tensor::allocate(DType::u64, {lines * 8});
  if (!buffer.ok()) return 0;
  auto* words = buffer->mutable_view().as<uint64_t>();
  std::atomic<uint64_t> sink = 0;
  pool.parallel_for(lines, 1, [&](int64_t begin, int64_t end, int) {  // pages that nobody has written are all one page
    std::fill(words + begin * 8, words + end * 8, 1);
  });
  constexpr int kPasses = 3;
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto start = Clock::now();
    pool.parallel_for(lines, 1, [&](int64_t begin, int64_t end, int) {
      uint64_t sums[8] = {};
      for (const uint64_t* p = words + begin * 8; p != words + end * 8; p += 8)
        for (int i = 0; i < 8; ++i) sums[i] += p[i];
      sink += sums[0] ^ sums[1] ^ sums[2] ^ sums[3] ^ sums[4] ^ sums[5] ^ sums[6] ^ sums[7];
    });
    best = std::max(best, static_cast<double>(lines) * 64 / seconds_since(start));
  }
  return best * 1e-9;
}

Machine measure_machine(int threads) {
  Machine machine = describe_machine();
  machine.peaks = measure_peaks(1);
  if (threads > 1) {
    const auto more = measure_peaks(threads);
    machine.peaks.insert(machine.peaks.end(), more.begin(), more.end());
  }
  machine.memory_gb_per_s = measure_memory_gb_per_s(threads);
  return machine;
}

std::optional<double> peak_of(const Machine& machine, std::string_view precision, int threads) {
  for (const Peak& peak : machine.peaks)
    if (peak.precision == precision && peak.threads == threads) return peak.gmac_per_s;
  return std::nullopt;
}

}  // namespace fovea::bench
