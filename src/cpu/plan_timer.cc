#include "cpu/plan_timer.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace fovea::cpu {
namespace {

using Clock = std::chrono::steady_clock;

double us_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

/// Floats of one magnitude: no infinities, nothing subnormal. Other numbers, which may be indices, are zeros.
Result<Tensor> filled(const TensorType& type, uint32_t seed) {
  Tensor tensor = FOVEA_TRY(Tensor::allocate(type.dtype, type.shape));
  const MutableView all = tensor.mutable_view();
  std::memset(all.data, 0, tensor.bytes());
  if (type.dtype != DType::f32) return tensor;
  for (int64_t i = 0; i < tensor.size(); ++i) {
    seed = seed * 1664525u + 1013904223u;
    all.as<float>()[i] = static_cast<float>(seed >> 8) * 0x1p-23f - 1.0f;
  }
  return tensor;
}

}  // namespace

PlanTimes RunTimer::time(const Plan& plan) {
  constexpr int kLeastRuns = 2, kMostRuns = 10;
  constexpr double kEnoughUs = 0.4e6;
  std::vector<Tensor> inputs;
  for (const TensorType& type : plan.inputs()) {
    auto input = filled(type, static_cast<uint32_t>(inputs.size()) + 1);
    if (!input.ok()) return {};
    inputs.push_back(std::move(input).value());
  }
  if (!context_) context_ = std::make_unique<Context>(threads_);
  PlanTimes least;
  const auto begin = Clock::now();
  for (int run = -1; run < kLeastRuns || (run < kMostRuns && us_since(begin) < kEnoughUs); ++run) {
    std::vector<StepProfile> profile;
    const auto start = Clock::now();
    if (!plan.run(inputs, *context_, &profile).ok()) return {};
    const double took = us_since(start);
    if (run < 0) continue;  // finds its memory for the first time
    if (least.steps.empty()) {
      least.steps.assign(profile.size(), took);
      least.whole = took;
    }
    least.whole = std::min(least.whole, took);
    for (size_t i = 0; i < profile.size(); ++i) least.steps[i] = std::min(least.steps[i], profile[i].ms * 1e3);
  }
  return least;
}

}  // namespace fovea::cpu
