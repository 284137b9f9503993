#include "bench/worker.h"

#include <algorithm>

#include "base/error.h"

namespace fovea::bench {

Result<std::unique_ptr<Worker>> Worker::start(const std::vector<std::string>& argv, std::string shown,
                                              const WorkerLimits& limits, Child::Stop stop) {
  auto child = FOVEA_TRY(Child::start(argv));
  return std::unique_ptr<Worker>(new Worker(std::move(child), std::move(shown), limits, std::move(stop)));
}

void Worker::stop() {
  constexpr Child::Seconds kPatience(5);
  if (child_) child_->end(to_line(Request(StopRequest{})) + '\n', kPatience);
  child_.reset();
}

Error Worker::failed(Error error, const char* while_doing) {
  if (stop_ && stop_()) {  // nothing to explain
    child_.reset();
    return error;
  }
  const std::string how = child_->how_it_ended();
  if (const std::string words = child_->last_words(); !words.empty())
    error.message += fmt::format("; its last words: {}", words);
  if (error.fix.empty()) {
    if (error.code == ErrorCode::unavailable)
      error.fix = "give --timeout SECONDS, if it only needs longer";
    else if (how.starts_with("signal 9 "))
      error.fix = "the system may have run out of memory: compare fewer at once, or use a smaller --batch";
    else
      error.fix = fmt::format("try the worker by itself: {}", shown_);
  }
  child_.reset();
  return std::move(error).at(while_doing);
}

Result<std::string> Worker::ask(const Request& request, double seconds, const char* while_doing) {
  if (!child_) return io("the worker has ended");
  auto line = child_->ask(to_line(request) + '\n', Child::Seconds(seconds), stop_);
  if (line.ok()) return line;
  return failed(std::move(line).error(), while_doing);
}

Result<Loaded> Worker::load(const LoadRequest& request) {
  constexpr const char* kDoing = "while loading";
  const std::string line = FOVEA_TRY(ask(request, limits_.load_s, kDoing));
  auto loaded = parse_loaded(line);
  if (!loaded.ok()) {
    Error error = std::move(loaded).error();
    if (error.code == ErrorCode::invalid_argument) return failed(std::move(error), kDoing);
    stop();  // it said no, and said why
    return error;
  }
  run_s_ = loaded->first_s;
  return loaded;
}

Result<std::vector<double>> Worker::run(const RunRequest& request) {
  constexpr const char* kDoing = "while running";
  // A run may begin just before the time is up, and take as long as the slowest so far, or much longer when disturbed.
  const double expected = std::min(request.seconds + run_s_, (run_s_ + 1e-3) * request.runs);
  const std::string line = FOVEA_TRY(ask(request, limits_.grace_s + 10 * expected, kDoing));
  auto times = parse_times(line, request.runs);
  if (!times.ok()) return failed(std::move(times).error(), kDoing);
  run_s_ = std::max(run_s_, std::ranges::max(*times) * 1e-3);
  return times;
}

Result<std::vector<StepRow>> Worker::steps(const StepsRequest& request) {
  const std::string line =
      FOVEA_TRY(ask(request, limits_.grace_s + 10 * run_s_ * request.runs, "while timing its steps"));
  return parse_steps(line);
}

Result<std::vector<Stages>> Worker::stages(const StagesRequest& request) {
  const auto runs = static_cast<double>(request.runs) * static_cast<double>(request.photos.size());
  const std::string line =
      FOVEA_TRY(ask(request, limits_.grace_s + 10 * (run_s_ + 1) * runs, "while timing its stages"));
  return parse_stages(line);
}

}  // namespace fovea::bench
