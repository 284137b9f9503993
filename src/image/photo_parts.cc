#include "image/photo_parts.h"

#include <cmath>
#include <memory>
#include <new>
#include <stdexcept>
#include <thread>

#include "base/error.h"

namespace fovea::image {
namespace {

// Below this, starting a thread (some 50 us) eats up what it saves.
constexpr int64_t kLeastPixels = 400'000;
constexpr double kLeastGain = 0.05;

// Parts that take `each`, where a row takes 1: part i begins where each (1 - k^i) / (1 - k) rows are done, with k = 1 -
// skipping.
struct Division {
  int64_t parts;
  double skipping, each;

  Division(double rows, int64_t count, double skip, double tail) : parts(count), skipping(skip) {
    each = (rows + skip * tail) / begin_in_parts(count);
  }
  double begin(int64_t part) const { return each * begin_in_parts(part); }

 private:
  double begin_in_parts(int64_t part) const {
    const auto n = static_cast<double>(part);
    return skipping < 1e-6 ? n : (1 - std::pow(1 - skipping, n)) / skipping;
  }
};

Result<void> guarded(const PartWork& work, size_t part, PhotoReader& photo, int64_t begin, int64_t end) {
  try {
    return work(part, photo, begin, end);
  } catch (const std::bad_alloc&) {
  } catch (const std::length_error&) {
  }
  return out_of_memory("there is not enough memory to decode this photo");
}

}  // namespace

std::vector<int64_t> divide_rows(int64_t rows, int64_t most, double skipping, double tail) {
  const auto divided = [&](int64_t parts) { return Division(static_cast<double>(rows), parts, skipping, tail); };
  Division best = divided(1);
  const double least_gain = kLeastGain * best.each;
  for (int64_t parts = 2; parts <= std::min(most, rows); ++parts) {
    const Division next = divided(parts);
    if (best.each - next.each < least_gain || next.begin(parts - 1) > static_cast<double>(rows - 1)) break;
    best = next;
  }
  std::vector<int64_t> begins;
  for (int64_t part = 0; part < best.parts; ++part) begins.push_back(std::llround(best.begin(part)));
  return begins;
}

Result<size_t> work_by_parts(const Transform& transform, PhotoReader& photo, int threads, const PartWork& work) {
  const int64_t height = FOVEA_TRY(transform.output_size(photo.size())).height;
  const auto [divisor, wanted] = FOVEA_TRY(transform.reading(photo, 0, height));
  std::vector<int64_t> begins = {0};
  if (threads > 1 && wanted.height * wanted.width * divisor * divisor >= kLeastPixels) {
    // All counted in rows of the input.
    const double scale = static_cast<double>(height) / static_cast<double>(wanted.height);
    const auto behind = static_cast<double>(photo.frame_at(divisor).size.height - wanted.top - wanted.height);
    begins = divide_rows(height, threads, photo.skipping_cost(divisor, wanted), behind * scale);
  }
  std::vector<std::unique_ptr<PhotoReader>> readers;
  for (size_t part = 1; part < begins.size(); ++part) {
    auto reader = FOVEA_TRY(photo.another());
    if (!reader) begins.resize(1);
    if (reader) readers.push_back(std::move(reader));
  }
  std::vector<Result<void>> outcomes(begins.size());
  const auto run = [&](size_t part) {
    const int64_t end = part + 1 < begins.size() ? begins[part + 1] : height;
    outcomes[part] = guarded(work, part, part == 0 ? photo : *readers[part - 1], begins[part], end);
  };
  {
    std::vector<std::jthread> others;
    size_t started = 1;
    try {
      others.reserve(begins.size());
      for (; started < begins.size(); ++started) others.emplace_back(run, started);
    } catch (const std::exception&) {  // no thread or no memory for one: the caller does what is left
    }
    run(0);
    for (; started < begins.size(); ++started) run(started);
  }
  for (Result<void>& outcome : outcomes) FOVEA_TRY(std::move(outcome));
  return begins.size();
}

}  // namespace fovea::image
