#include "bench/rounds.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace fovea::bench {
namespace {

bool is_quiet(const Round& round, double best, int cores) {
  constexpr double kSlow = 0.97, kStolen = 0.005, kStates = 2;
  double nearest = std::numeric_limits<double>::infinity(), farthest = 0;
  for (const Sample& sample : round.samples) {
    if (sample.gmac_per_s < kSlow * best) return false;
    if (sample.flag_ns > 0) nearest = std::min(nearest, sample.flag_ns);
    farthest = std::max(farthest, sample.flag_ns);
  }
  const Sample &first = round.samples.front(), &last = round.samples.back();
  if (last.steal_s - first.steal_s > kStolen * (last.time_s - first.time_s) * cores) return false;
  return farthest <= kStates * nearest;
}

}  // namespace

std::vector<size_t> order_of_round(size_t workers, size_t round) {
  std::vector<size_t> order(workers);
  std::iota(order.begin(), order.end(), size_t{0});
  if (round % 2 == 1) std::ranges::reverse(order);
  return order;
}

std::vector<bool> quiet_rounds(std::span<const Round> rounds, int cores) {
  double best = 0;
  for (const Round& round : rounds)
    for (const Sample& sample : round.samples) best = std::max(best, sample.gmac_per_s);
  std::vector<bool> quiet;
  for (const Round& round : rounds) quiet.push_back(is_quiet(round, best, cores));
  return quiet;
}

std::vector<Round> run_rounds(size_t workers, const RoundOptions& options, Conditions& conditions,
                              const std::function<std::vector<double>(size_t worker)>& run_block,
                              const std::function<bool()>& go_on, const std::function<void(int)>& round_done) {
  std::vector<Round> rounds;
  std::vector<bool> failed(workers, false);
  const auto somebody_left = [&] { return std::ranges::find(failed, false) != failed.end(); };
  int counting = 0;
  while (counting < options.rounds && rounds.size() < static_cast<size_t>(options.most) && somebody_left() && go_on()) {
    Round round;
    round.ms.resize(workers);
    for (size_t worker : order_of_round(workers, rounds.size())) {
      if (failed[worker] || !go_on()) continue;
      round.samples.push_back(conditions.sample());
      round.ms[worker] = run_block(worker);
      failed[worker] = round.ms[worker].empty();
    }
    if (!go_on()) break;  // an unfinished round compares nothing
    round.samples.push_back(conditions.sample());
    rounds.push_back(std::move(round));
    const auto quiet = quiet_rounds(rounds, conditions.cores());
    counting = static_cast<int>(std::ranges::count(quiet, true));
    round_done(counting);
    if (counting == 0 && rounds.size() >= static_cast<size_t>(options.rounds)) break;
  }
  return rounds;
}

}  // namespace fovea::bench
