#include "pipeline/verify.h"

#include <cstring>

#include "base/error.h"
#include "pipeline/photos.h"
#include "tasks/model_input.h"

namespace fovea::pipeline {
namespace {

using tasks::Bundle;
using tasks::Recipe;

Result<Tensor> tensor_of(const image::Image& pixels) {
  Tensor tensor = FOVEA_TRY(Tensor::allocate(DType::u8, {pixels.height(), pixels.width(), 3}));
  std::memcpy(tensor.mutable_view().data, pixels.data(), static_cast<size_t>(pixels.bytes()));
  return tensor;
}

image::ImageView view_of(const Tensor& pixels) {
  const Shape& shape = pixels.shape();
  return {pixels.data<uint8_t>(), shape[0], shape[1], 3 * shape[1], 0};
}

/// One photo's input as the model takes it.
Result<Tensor> input_of(const Recipe& recipe, const image::Transform& transform, image::ImageView pixels) {
  Tensor input = FOVEA_TRY(tasks::allocate_input(recipe.facts.input, 1, pixels.size()));
  FOVEA_TRY(tasks::write_input(transform, pixels, input.mutable_view(), 0));
  return input;
}

/// The scores of one photo. A model with a batch of its own gets zeros in the other places.
Result<Tensor> answer_of(backends::Engine& engine, const Recipe& recipe, const Tensor& input) {
  const int64_t batch = recipe.facts.input.batch.value_or(1);
  if (input.dtype() != recipe.facts.input.dtype || input.shape().empty())
    return invalid_argument("the model takes {}, the bundle's input is {}", name_of(recipe.facts.input.dtype),
                            to_string(input.type()));
  Shape shape = input.shape();
  if (shape.size() == 3) shape.insert(shape.begin(), 1);
  if (shape[0] != 1) return unsupported("a bundle of {} photos", shape[0]).with_fix("write it from one photo");
  shape[0] = batch;
  Tensor full = FOVEA_TRY(Tensor::allocate(input.dtype(), shape));
  std::memcpy(full.mutable_view().data, input.raw(), input.bytes());
  auto outputs = FOVEA_TRY(engine.run(std::span(&full, 1)));
  const Tensor& answer = outputs[recipe.facts.output.index];
  if (batch == 1 || answer.shape().empty() || answer.shape()[0] != batch) return answer;
  Shape one = answer.shape();
  one[0] = 1;
  Tensor first = FOVEA_TRY(Tensor::allocate(answer.dtype(), one));
  std::memcpy(first.mutable_view().data, answer.raw(), first.bytes());
  return first;
}

bool within(const Result<Difference>& difference, double tolerance, bool relative) {
  return difference.ok() && (relative ? difference->rel_l2 : difference->max) <= tolerance;
}

class Replay {
 public:
  Replay(const Bundle& bundle, const VerifyOptions& options) : bundle_(bundle), options_(options) {}

  Result<Verification> run(backends::Engine& engine, const Recipe& recipe) {
    const image::Transform transform = FOVEA_TRY(image::Transform::create(recipe.transform));
    const Photo photo{bundle_.photo.string(), nullptr};
    const image::DecodeOptions decoding = {.apply_orientation = recipe.apply_orientation};
    const image::Image decoded = FOVEA_TRY(decode_photo(photo, decoding));
    const Tensor decoded_tensor = FOVEA_TRY(tensor_of(decoded));
    compare("decode", bundle_.decoded, 0, std::nullopt, decoded_tensor);

    // As classify has it: resized while it is decoded, which may be at a fraction of its size.
    const OpenPhoto open = FOVEA_TRY(open_photo(photo, decoding));
    const image::Image resized = FOVEA_TRY_AT(photo.name, transform.pixels(*open.reader));
    compare("resize", bundle_.resized, bundle_.decoded ? options_.resize : options_.resize_from_photo,
            from(bundle_.decoded,
                 [&](const Tensor& pixels) -> Result<Tensor> {
                   return tensor_of(FOVEA_TRY(transform.pixels(view_of(pixels))));
                 }),
            FOVEA_TRY(tensor_of(resized)));

    const Tensor input = FOVEA_TRY(input_of(recipe, transform, resized.view()));
    compare("normalise", bundle_.input, options_.normalise,
            from(bundle_.resized, [&](const Tensor& pixels) { return input_of(recipe, transform, view_of(pixels)); }),
            input);

    compare("model", bundle_.output, options_.model,
            from(bundle_.input, [&](const Tensor& theirs) { return answer_of(engine, recipe, theirs); }),
            FOVEA_TRY(answer_of(engine, recipe, input)));
    conclude(recipe.transform.mode == image::ResizeMode::exact);
    return std::move(result_);
  }

 private:
  /// Ours, made from the bundle's own stage before; nothing where the bundle lacks it.
  template <class Make>
  static std::optional<Result<Tensor>> from(const std::optional<Tensor>& before, Make make) {
    if (!before) return std::nullopt;
    return make(*before);
  }

  void compare(std::string stage, const std::optional<Tensor>& theirs, double tolerance,
               std::optional<Result<Tensor>> alone, const Tensor& chain) {
    if (!theirs) return;
    StageCheck check;
    check.stage = std::move(stage);
    check.tolerance = tolerance;
    if (alone) check.alone = alone->ok() ? difference(**alone, *theirs) : Result<Difference>(alone->error());
    check.chain = difference(chain, *theirs);
    const bool relative = check.stage == "model";
    check.agrees = within(check.alone ? *check.alone : *check.chain, tolerance, relative);
    result_.stages.push_back(std::move(check));
  }

  /// Pixels that may differ move all that is made of them, by no bound that were known: the chain is held to its
  /// tolerances only where resizing is exact.
  void conclude(bool exact) {
    for (const StageCheck& check : result_.stages)
      if (!check.agrees && !result_.first_difference) result_.first_difference = check.stage;
    if (result_.first_difference || !exact) return;
    for (const StageCheck& check : result_.stages)
      if (!within(*check.chain, check.tolerance, check.stage == "model") && !result_.first_difference)
        result_.first_difference = check.stage;
  }

  const Bundle& bundle_;
  const VerifyOptions& options_;
  Verification result_;
};

}  // namespace

Result<Verification> verify(backends::Engine& engine, const Recipe& recipe, const Bundle& bundle,
                            const VerifyOptions& options) {
  if (recipe.facts.input.baked)
    return unsupported("a model with its preprocessing baked in has no stages to compare")
        .with_fix("give the model as it was before fovea bake");
  return Replay(bundle, options).run(engine, recipe);
}

}  // namespace fovea::pipeline
