// A worker process: one engine, loaded once, run block by block. docs/bench-workers.md describes the protocol.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/child.h"
#include "bench/process_group.h"
#include "bench/protocol.h"

namespace fovea::bench {

struct WorkerLimits {
  double load_s = 1200;  // to load a model and run it once; compilers of today take minutes
  double grace_s = 60;   // beyond the time that a request should take
};

/// After an error other than a refusal of `steps` or `stages` the process has been ended. Errors say what was being
/// done, quote the last words of the process, and tell what to try.
class Worker {
 public:
  /// `argv` starts it; `shown` is how messages call that command. Error: io.
  static Result<std::unique_ptr<Worker>> start(const std::vector<std::string>& argv, std::string shown,
                                               const WorkerLimits& limits, Child::Stop stop);

  Result<Loaded> load(const LoadRequest& request);
  /// Milliseconds of each run. Precondition, as for all below: load() succeeded.
  Result<std::vector<double>> run(const RunRequest& request);
  Result<std::vector<StepRow>> steps(const StepsRequest& request);
  Result<std::vector<Stages>> stages(const StagesRequest& request);

  bool alive() const { return child_ != nullptr; }
  /// Its process and the group of those that it starts; 0 where it has ended.
  pid_t pid() const { return child_ ? child_->pid() : 0; }
  GroupUsage usage() const { return child_ ? usage_of(child_->pid()) : GroupUsage{}; }
  /// Asks it to end, and sees to it that it does.
  void stop();

 private:
  Worker(std::unique_ptr<Child> child, std::string shown, const WorkerLimits& limits, Child::Stop stop)
      : child_(std::move(child)), shown_(std::move(shown)), limits_(limits), stop_(std::move(stop)) {}
  Result<std::string> ask(const Request& request, double seconds, const char* while_doing);
  /// Adds what is known of the failure, and ends the process.
  Error failed(Error error, const char* while_doing);

  std::unique_ptr<Child> child_;
  std::string shown_;
  WorkerLimits limits_;
  Child::Stop stop_;
  double run_s_ = 0;  // the slowest run so far
};

}  // namespace fovea::bench
