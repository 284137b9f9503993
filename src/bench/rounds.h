// Rounds: every worker runs a block in each, in the order A B C, then C B A, and so on; rounds that the machine spoilt
// do not count.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "bench/conditions.h"

namespace fovea::bench {

struct Round {
  std::vector<std::vector<double>> ms;  // by worker: its runs; none where it has failed
  std::vector<Sample> samples;          // before each block in the order they ran, and after the last
};

/// Workers in the order of a round: 0 1 2 in even ones, 2 1 0 in odd ones.
std::vector<size_t> order_of_round(size_t workers, size_t round);

/// Which rounds count. Not those
/// - with a probe below 97 % of the best probe of all rounds: the clock was slow, or something else ran,
/// - with more than 0.5 % of the cores' time stolen,
/// - in which the machine changed its state: the flag's times differ by more than a factor of 2.
std::vector<bool> quiet_rounds(std::span<const Round> rounds, int cores);

struct RoundOptions {
  int rounds = 10;  // that count
  int most = 30;    // in all
};

/// Runs rounds until enough of them count, or `most` have been run, or of the first `rounds` not one counts (then more
/// would not help), or `go_on` says no, or no worker is left.
/// `run_block(worker)` gives the times of a block, or none for a worker that has failed: it is not asked again.
/// `round_done` is called after each with the number of rounds that count so far.
std::vector<Round> run_rounds(size_t workers, const RoundOptions& options, Conditions& conditions,
                              const std::function<std::vector<double>(size_t worker)>& run_block,
                              const std::function<bool()>& go_on, const std::function<void(int)>& round_done);

}  // namespace fovea::bench
