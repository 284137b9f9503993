// The machine: what it is, and what it can do at most, measured with loops of our own.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "bench/report.h"
#include "kernels/peak.h"

namespace fovea::bench {

/// Its names, cores and memory; nothing is measured.
Machine describe_machine();

/// What a probe is timed by: what the threads were given (the machine's peak, whatever else runs on it), or what
/// passed (what is left of it).
enum class PeakClock : uint8_t { cpu, wall };

/// Measures the peak again and again with the same threads, which sleep in between.
class PeakProbe {
 public:
  explicit PeakProbe(int threads) : pool_(threads) {}
  /// 1e9 multiply-adds a second of all threads together, over some `ms`; 0 where the CPU has no loop for the format.
  double gmac_per_s(kernels::PeakFormat format, double ms = 10, PeakClock clock = PeakClock::wall);

 private:
  ThreadPool pool_;
};

/// The best of several probes for each format that the CPU has a loop for: some 200 ms.
std::vector<Peak> measure_peaks(int threads);

/// 1e9 bytes a second, read by all threads from a buffer well beyond the caches: some 100 ms. 0 without the memory.
double measure_memory_gb_per_s(int threads);

/// All of it, the peaks for one thread and for `threads`.
Machine measure_machine(int threads);

/// "fp32", "bf16", "int8". Nothing for fp16, which no CPU here computes in, and for what was not measured.
std::optional<double> peak_of(const Machine& machine, std::string_view precision, int threads);

}  // namespace fovea::bench
