// A pool of workers that share loops: the caller is worker 0, the others spin briefly for the next loop, then sleep.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace fovea {

/// One caller at a time: parallel_for of the same pool must not run from two threads at once, nor from within itself.
class ThreadPool {
 public:
  /// threads < 1 counts as 1. Where the system refuses a thread, the pool has fewer.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// Workers, the caller included.
  int size() const { return static_cast<int>(workers_.size()) + 1; }

  /// Parts into which parallel_for cuts n items: each has at least `grain` of them, but for n < grain.
  int parts(int64_t n, int64_t grain) const {
    const int64_t most = grain <= 1 ? n : n / grain;
    return most >= size() ? size() : most < 1 ? 1 : static_cast<int>(most);
  }

  /// Calls fn(begin, end, worker) for parts of [0, n) that are nearly equal, at most one for each worker, and returns
  /// when all are done. The same n and grain give the same part to the same worker, so that what a core has touched
  /// stays with it. Allocates nothing.
  template <class Fn>
  void parallel_for(int64_t n, int64_t grain, Fn&& fn) {
    if (n <= 0) return;
    const int count = parts(n, grain);
    if (count == 1) {
      fn(int64_t{0}, n, 0);
      return;
    }
    struct Loop {
      Fn* fn;
      int64_t n;
      int count;
    } loop{&fn, n, count};
    run(
        count,
        [](void* context, int worker) {
          const Loop& l = *static_cast<Loop*>(context);
          (*l.fn)(l.n * worker / l.count, l.n * (worker + 1) / l.count, worker);
        },
        &loop);
  }

 private:
  using Task = void (*)(void* context, int worker);
  /// Runs task(context, w) for w in [0, count) on as many workers.
  void run(int count, Task task, void* context);
  void work(int worker);

  // One loop: written by the caller before round_ changes, read by workers after.
  Task task_ = nullptr;
  void* context_ = nullptr;
  int count_ = 0;
  alignas(64) std::atomic<uint32_t> round_{0};
  alignas(64) std::atomic<int> unfinished_{0};
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> workers_;
};

}  // namespace fovea
