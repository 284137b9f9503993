#include "quantize/observer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace fovea::quantize {
namespace {

void add_channels(Observer& observer, TensorView tensor) {
  const int64_t rank = tensor.rank();
  const int64_t axis = *observer.channel_axis < 0 ? *observer.channel_axis + rank : *observer.channel_axis;
  if (axis < 0 || axis >= rank) return;
  int64_t outer = 1, inner = 1;
  for (int64_t d = 0; d < axis; ++d) outer *= tensor.shape[static_cast<size_t>(d)];
  for (int64_t d = axis + 1; d < rank; ++d) inner *= tensor.shape[static_cast<size_t>(d)];
  const auto channels = static_cast<size_t>(tensor.shape[static_cast<size_t>(axis)]);
  if (observer.channel_sums.empty()) observer.channel_sums.assign(channels, 0);
  if (observer.channel_sums.size() != channels) return;
  const float* x = tensor.as<float>();
  for (int64_t o = 0; o < outer; ++o)
    for (size_t c = 0; c < channels; ++c) {
      double sum = 0;
      for (int64_t i = 0; i < inner; ++i) sum += *x++;
      observer.channel_sums[c] += std::isfinite(sum) ? sum : 0;
    }
  observer.channel_values += static_cast<double>(outer * inner);
}

}  // namespace

void Observer::observe(TensorView tensor) {
  const int64_t size = tensor.dtype == DType::f32 ? tensor.size() : 0;
  if (size == 0) return;
  const float* x = tensor.as<float>();
  constexpr int64_t kPortion = 4096;
  std::array<float, kPortion> kept;
  float least = std::numeric_limits<float>::infinity(), greatest = -least;
  for (int64_t begin = 0; begin < size; begin += kPortion) {
    const int64_t end = std::min(size, begin + kPortion);
    size_t count = 0;
    for (int64_t i = begin; i < end; ++i) {
      const float v = x[i];
      if (!std::isfinite(v)) {
        ++nonfinite;
        continue;
      }
      least = std::min(least, v);
      greatest = std::max(greatest, v);
      kept[count] = v;
      count += v != 0 ? 1 : 0;
      zeros += v == 0 ? 1 : 0;
    }
    histogram.add(std::span(kept.data(), count));
  }
  ++photos;
  values += static_cast<uint64_t>(size);
  if (least <= greatest) {
    low = std::min(low, least);
    high = std::max(high, greatest);
    low_sum += least;
    high_sum += greatest;
  }
  if (channel_axis) add_channels(*this, tensor);
}

std::vector<double> Observer::channel_means() const {
  std::vector<double> means = channel_sums;
  for (double& mean : means) mean /= std::max(1.0, channel_values);
  return means;
}

nlohmann::json to_json(const Observer& observer) {
  using nlohmann::json;
  json bins = json::array();  // pairs: most of 8192 are empty
  const auto counts = observer.histogram.counts();
  for (size_t i = 0; i < counts.size(); ++i)
    if (counts[i] != 0) {
      bins.push_back(i);
      bins.push_back(counts[i]);
    }
  json state = {{"photos", observer.photos},
                {"values", observer.values},
                {"zeros", observer.zeros},
                {"nonfinite", observer.nonfinite},
                {"sums", {observer.low_sum, observer.high_sum}},
                {"exponent", observer.histogram.exponent()},
                {"bins", std::move(bins)}};
  if (observer.seen()) state["range"] = {observer.low, observer.high};
  if (observer.channel_axis)
    state["channels"] = {
        {"axis", *observer.channel_axis}, {"sums", observer.channel_sums}, {"values", observer.channel_values}};
  return state;
}

namespace {

/// nlohmann's get() throws on another type: each is asked for first.
bool take(const nlohmann::json& state, const char* key, uint64_t& value) {
  const auto it = state.find(key);
  if (it == state.end() || !it->is_number_unsigned()) return false;
  value = it->get<uint64_t>();
  return true;
}

bool take_pair(const nlohmann::json& state, const char* key, double& first, double& second) {
  const auto it = state.find(key);
  if (it == state.end() || !it->is_array() || it->size() != 2 || !(*it)[0].is_number() || !(*it)[1].is_number())
    return false;
  first = (*it)[0].get<double>();
  second = (*it)[1].get<double>();
  return true;
}

bool take_histogram(const nlohmann::json& state, Histogram& histogram) {
  const auto exponent = state.find("exponent"), bins = state.find("bins");
  if (exponent == state.end() || !exponent->is_number_integer() || bins == state.end() || !bins->is_array() ||
      bins->size() % 2 != 0)
    return false;
  std::vector<uint64_t> counts(bins->empty() ? 0 : 2 * Histogram::kHalf, 0);
  for (size_t i = 0; i < bins->size(); i += 2) {
    if (!(*bins)[i].is_number_unsigned() || !(*bins)[i + 1].is_number_unsigned()) return false;
    const auto place = (*bins)[i].get<uint64_t>();
    if (place >= counts.size()) return false;
    counts[place] = (*bins)[i + 1].get<uint64_t>();
  }
  const auto value = exponent->get<int64_t>();
  return value >= -200 && value <= 200 && histogram.restore(static_cast<int>(value), std::move(counts));
}

bool take_channels(const nlohmann::json& state, Observer& observer) {
  const auto channels = state.find("channels");
  if (channels == state.end()) return true;
  if (!channels->is_object()) return false;
  const auto axis = channels->find("axis"), sums = channels->find("sums"), values = channels->find("values");
  if (axis == channels->end() || !axis->is_number_integer() || sums == channels->end() || !sums->is_array() ||
      values == channels->end() || !values->is_number())
    return false;
  observer.channel_axis = axis->get<int64_t>();
  observer.channel_values = values->get<double>();
  for (const auto& sum : *sums) {
    if (!sum.is_number()) return false;
    observer.channel_sums.push_back(sum.get<double>());
  }
  return true;
}

}  // namespace

Result<Observer> observer_of_json(const nlohmann::json& state) {
  Observer observer;
  bool good = state.is_object() && take(state, "photos", observer.photos) && take(state, "values", observer.values) &&
              take(state, "zeros", observer.zeros) && take(state, "nonfinite", observer.nonfinite) &&
              take_pair(state, "sums", observer.low_sum, observer.high_sum) &&
              take_histogram(state, observer.histogram) && take_channels(state, observer);
  if (good && observer.seen()) {
    double low = 0, high = 0;
    constexpr double kMost = std::numeric_limits<float>::max();
    good = take_pair(state, "range", low, high) && -kMost <= low && low <= high && high <= kMost;
    if (!good) return invalid_argument("this is no state of an observer");
    observer.low = static_cast<float>(low);
    observer.high = static_cast<float>(high);
  }
  if (!good) return invalid_argument("this is no state of an observer");
  return observer;
}

}  // namespace fovea::quantize
