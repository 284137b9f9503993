#include "base/thread_pool.h"

#include <chrono>
#include <system_error>

#include "base/log.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace fovea {
namespace {

// A wake-up through the kernel costs some 50 us on virtual machines: spinning for about as long loses at most half.
constexpr auto kSpin = std::chrono::microseconds(50);

inline void relax() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Spins until done() or for kSpin; whether done().
template <class Done>
bool spin(Done done) {
  const auto start = std::chrono::steady_clock::now();
  do {
    for (int i = 0; i < 64; ++i) {
      if (done()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() - start < kSpin);
  return done();
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  for (int worker = 1; worker < threads; ++worker) {
    try {  // the one way in which std::thread reports that there are no more threads
      workers_.emplace_back([this, worker] { work(worker); });
    } catch (const std::system_error& e) {
      log_warning("only {} of {} threads could be started: {}", worker, threads, e.what());
      break;
    }
  }
}

ThreadPool::~ThreadPool() {
  stopping_.store(true, std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (std::thread& t : workers_) t.join();
}

void ThreadPool::run(int count, Task task, void* context) {
  task_ = task;
  context_ = context;
  count_ = count;
  // Every worker answers, also one without a part: none may still read the fields above when the next loop sets them.
  unfinished_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  task(context, 0);
  const auto finished = [this] { return unfinished_.load(std::memory_order_acquire) == 0; };
  while (!spin(finished)) {
    const int left = unfinished_.load(std::memory_order_acquire);
    if (left != 0) unfinished_.wait(left, std::memory_order_acquire);
  }
}

void ThreadPool::work(int worker) {
  uint32_t seen = 0;
  for (;;) {
    const auto called = [&] { return round_.load(std::memory_order_acquire) != seen; };
    if (!spin(called)) round_.wait(seen, std::memory_order_acquire);
    if (!called()) continue;
    ++seen;
    if (stopping_.load(std::memory_order_relaxed)) return;
    if (worker < count_) task_(context_, worker);
    if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished_.notify_one();
  }
}

}  // namespace fovea
