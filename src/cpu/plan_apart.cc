// Running a plan for one image on each image of a batch: threads share out the images.
#include <mutex>
#include <optional>

#include "base/error.h"
#include "base/system.h"
#include "cpu/plan.h"

namespace fovea::cpu {
namespace {

/// Image i of `images` that lie one behind another.
Tensor image_of(const Tensor& all, int64_t i, int64_t images) {
  Shape shape = all.shape();
  shape[0] /= images;
  const size_t bytes = all.bytes() / static_cast<size_t>(images);
  return Tensor::wrap(nullptr, all.data<std::byte>() + static_cast<size_t>(i) * bytes, all.dtype(), std::move(shape));
}

/// Adds the times of another image, step by step.
void add(std::vector<StepProfile>& sum, std::vector<StepProfile>&& image) {
  if (sum.empty()) {
    sum = std::move(image);
    return;
  }
  for (size_t s = 0; s < std::min(sum.size(), image.size()); ++s) {
    sum[s].ms += image[s].ms;
    sum[s].gmac += image[s].gmac;
  }
}

}  // namespace

Result<std::vector<Tensor>> Plan::run_apart(std::span<const Tensor> inputs, Context& context,
                                            std::vector<StepProfile>* profile,
                                            std::span<const MutableView> bound) const {
  std::vector<Tensor> outputs;
  for (size_t j = 0; j < outputs_.size(); ++j) {
    TensorType type = outputs_[j].type;
    type.shape[0] *= images_;
    if (j < bound.size() && (bound[j].dtype != type.dtype || !std::ranges::equal(bound[j].shape, type.shape)))
      return invalid_argument("output {} is {}, but the memory bound to it is not", j, to_string(type))
          .with_fix("bind memory of the type that the output has");
    outputs.push_back(j < bound.size() ? Tensor::wrap(nullptr, bound[j].data, type.dtype, std::move(type.shape))
                                       : FOVEA_TRY(Tensor::allocate(type.dtype, std::move(type.shape))));
  }
  if (arena_bytes() > memory_limit())
    return out_of_memory("intermediate results need {} bytes, the limit is {}", arena_bytes(), memory_limit());
  while (static_cast<int>(context.alone.size()) < context.pool.size())
    context.alone.push_back(std::make_unique<Context>(1));

  std::mutex mutex;
  std::optional<Error> failed;
  std::vector<StepProfile> total;
  context.pool.parallel_for(images_, 1, [&](int64_t begin, int64_t end, int worker) {
    std::vector<StepProfile> mine;
    for (int64_t i = begin; i < end; ++i) {
      std::vector<Tensor> image, places;
      std::vector<MutableView> views;
      for (const Tensor& input : inputs) image.push_back(image_of(input, i, images_));
      for (const Tensor& output : outputs) places.push_back(image_of(output, i, images_));
      for (Tensor& place : places) views.push_back(place.mutable_view());
      std::vector<StepProfile> steps;
      auto ran = run_alone(image, *context.alone[static_cast<size_t>(worker)], profile ? &steps : nullptr, views);
      if (profile) add(mine, std::move(steps));
      if (ran.ok()) continue;
      const std::lock_guard lock(mutex);
      if (!failed) failed = ran.error();
    }
    const std::lock_guard lock(mutex);
    if (profile) add(total, std::move(mine));
  });
  if (failed) return *failed;
  if (profile) {
    const double at_once = static_cast<double>(context.pool.parts(images_, 1));
    for (StepProfile& step : total) step.ms /= at_once;  // as if the threads had shared each step
    profile->insert(profile->end(), std::make_move_iterator(total.begin()), std::make_move_iterator(total.end()));
  }
  return outputs;
}

}  // namespace fovea::cpu
