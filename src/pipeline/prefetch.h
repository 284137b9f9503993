// Things that are made by several threads, shortly before they are needed, and taken in their order.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

namespace fovea::pipeline {

/// Lets other threads of the process go first, where the system knows how.
void lower_thread_priority();

template <class Item>
class Prefetch {
 public:
  /// Items 0 to count - 1, made by `make`, which several threads call at once; at most `ahead` (at least 1) wait to be
  /// taken or are being made. With 0 threads, and where the system refuses one, next() makes them itself. Where `make`
  /// throws for want of memory, `failed` makes the item instead, which must not throw.
  Prefetch(size_t count, size_t ahead, int threads, std::function<Item(size_t)> make,
           std::function<Item(size_t)> failed)
      : count_(count), slots_(ahead), make_(std::move(make)), failed_(std::move(failed)) {
    try {
      // All at once: a vector that grew could throw when a thread has begun, which nobody would join.
      workers_.reserve(static_cast<size_t>(threads));
      for (int i = 0; i < threads; ++i) workers_.emplace_back([this] { work(); });
    } catch (const std::exception&) {  // no thread or no memory for one: those that there are do
    }
  }
  /// Waits for what is being made; the rest is not made.
  ~Prefetch() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;

  /// The next one. Precondition: fewer than `count` were taken.
  Item next() {
    if (workers_.empty()) return made(taken_++);
    std::unique_lock lock(mutex_);
    std::optional<Item>& slot = slots_[taken_ % slots_.size()];
    changed_.wait(lock, [&] { return slot.has_value(); });
    Item item = std::move(*slot);
    slot.reset();
    ++taken_;
    lock.unlock();
    changed_.notify_all();
    return item;
  }

 private:
  Item made(size_t index) {
    try {
      return make_(index);
    } catch (const std::bad_alloc&) {
    } catch (const std::length_error&) {
    }
    return failed_(index);
  }

  void work() {
    lower_thread_priority();
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return stopping_ || begun_ == count_ || begun_ < taken_ + slots_.size(); });
      if (stopping_ || begun_ == count_) return;
      const size_t index = begun_++;
      lock.unlock();
      Item item = made(index);
      lock.lock();
      slots_[index % slots_.size()] = std::move(item);
      changed_.notify_all();
    }
  }

  const size_t count_;
  std::vector<std::optional<Item>> slots_;
  const std::function<Item(size_t)> make_, failed_;
  std::mutex mutex_;  // of all below
  std::condition_variable changed_;
  size_t begun_ = 0, taken_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace fovea::pipeline
