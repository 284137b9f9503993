// From what the sources say and what the model is to one recipe.
#include <algorithm>
#include <cmath>

#include <fmt/ranges.h>

#include "base/error.h"
#include "tasks/recipe.h"

namespace fovea::tasks {
namespace {

using image::CropRule;
using image::ResizeRule;
using image::Size;
using image::TransformSpec;

constexpr Size kUsualSize = {224, 224};
constexpr double kUsualCropPct = 0.875;
constexpr int64_t kUsualDivisor = 32;  // the stride of most networks
constexpr Rgb kImagenetMean = {0.485, 0.456, 0.406}, kImagenetStd = {0.229, 0.224, 0.225};

std::string text(Size size) { return fmt::format("{}x{}", size.height, size.width); }

/// The size of the model's input that a transform leads to, where it does not depend on the photo.
std::optional<Size> input_size_of(const TransformSpec& spec) {
  if (spec.crop_rule != CropRule::none) return spec.crop;
  if (spec.resize_rule == ResizeRule::exact) return spec.resize;
  return std::nullopt;
}

/// The same way of doing it for another input size: what is resized grows with what is cropped.
void scale_to(TransformSpec& spec, Size target) {
  const auto scaled = [](int64_t side, int64_t to, int64_t from) {
    return std::max<int64_t>(
        1, static_cast<int64_t>(static_cast<double>(side) * static_cast<double>(to) / static_cast<double>(from)));
  };
  if (spec.crop_rule != CropRule::none) {
    spec.resize.height = scaled(spec.resize.height, target.height, spec.crop.height);
    spec.resize.width = scaled(spec.resize.width, target.width, spec.crop.width);
  } else if (spec.resize_rule == ResizeRule::exact) {
    spec.resize = target;
    return;
  } else {
    spec.crop_rule = CropRule::torchvision;
  }
  spec.crop = target;
}

class Resolver {
 public:
  Resolver(const Settings& flags, std::span<const Settings> sources, const ModelFacts& facts)
      : flags_(flags), model_(facts.input) {
    recipe_.facts = facts;
    for (const Settings& source : sources) {
      for (const std::string& note : source.notes) {
        recipe_.notes.push_back(source.origin.empty() ? note : source.origin + ": " + note);
      }
      if (!base_ && source.describes_input()) base_ = &source;
    }
    if (!base_) base_ = &nothing_;
  }

  Result<Recipe> resolve(std::span<const Settings> sources) {
    recipe_.origin = base_->origin;
    FOVEA_TRY(model_.baked || seems_baked() ? take_whole_photo() : choose_geometry());
    FOVEA_TRY(choose_values());
    recipe_.transform.layout = model_.layout;
    recipe_.transform.order = model_.baked ? model_.order : pick(&Settings::order).value_or(recipe_.transform.order);
    recipe_.transform.mode = flags_.resize_mode.value_or(image::ResizeMode::exact);
    recipe_.apply_orientation = flags_.apply_orientation;
    if (!flags_.labels.empty()) recipe_.label_candidates.push_back({flags_.origin, flags_.labels, true});
    for (const Settings& source : sources)
      if (!source.labels.empty()) recipe_.label_candidates.push_back({source.origin, source.labels, false});
    FOVEA_TRY(image::Transform::create(recipe_.transform));  // refuses sizes and deviations that make no sense
    return std::move(recipe_);
  }

 private:
  /// A field as the flags say it, else as the source does.
  template <class T>
  std::optional<T> pick(std::optional<T> Settings::*field) const {
    return flags_.*field ? flags_.*field : base_->*field;
  }
  void note(std::string sentence) { recipe_.notes.push_back(std::move(sentence)); }

  Result<void> choose_geometry() {
    TransformSpec& spec = recipe_.transform;
    const bool has_transform = base_->transform.has_value();
    const bool fixed = model_.height && model_.width;
    const bool reshaped = flags_.crop_pct || flags_.crop_mode;
    if (pick(&Settings::shortest) && !(flags_.input_size && !flags_.shortest)) {
      if (!fixed) return follow_short_side();
      const std::string size = text({*model_.height, *model_.width});
      if (flags_.shortest)
        return invalid_argument("--resize shortest={} needs a model with dynamic height and width, this one takes {}",
                                *flags_.shortest, size)
            .with_fix("leave it out, or export the model with dynamic height and width");
      note(fmt::format("{} asks for a short side of {}, but the model takes {}: the model wins", base_->origin,
                       *base_->shortest, size));
    }
    if (flags_.divisor && !pick(&Settings::shortest))
      return invalid_argument("--divisor goes with --resize shortest=N").with_fix("give both, or neither");
    if (!has_transform || reshaped) {
      const Size target = FOVEA_TRY(choose_size(base_->input_size));
      double crop_pct = pick(&Settings::crop_pct).value_or(kUsualCropPct);
      if (!flags_.crop_pct && base_->test_crop_pct && base_->test_input_size == target && base_->input_size != target)
        crop_pct = *base_->test_crop_pct;
      const auto interpolation =
          pick(&Settings::interpolation)
              .value_or(has_transform ? base_->transform->interpolation : image::Interpolation::bicubic);
      const Rgb mean = pick(&Settings::mean).value_or(has_transform ? base_->transform->mean : kImagenetMean);
      const Rgb std = pick(&Settings::std).value_or(has_transform ? base_->transform->std : kImagenetStd);
      spec = image::timm_transform(target, crop_pct, pick(&Settings::crop_mode).value_or(image::TimmCropMode::center),
                                   interpolation, mean, std);
      if (has_transform) {
        spec.rescale = base_->transform->rescale;
        spec.order = base_->transform->order;
      }
      if (base_ == &nothing_) announce_defaults();
      return {};
    }
    spec = *base_->transform;
    spec.interpolation = flags_.interpolation.value_or(spec.interpolation);
    spec.mean = flags_.mean.value_or(spec.mean);
    spec.std = flags_.std.value_or(spec.std);
    const std::optional<Size> said = input_size_of(spec);
    if (!said && !fixed && !flags_.input_size) return {};  // each photo has an input size of its own
    const Size target = FOVEA_TRY(choose_size(said));
    if (said != target) scale_to(spec, target);
    return {};
  }

  /// Bytes in the order of a decoded photo, of any size: so are models that were baked and then converted to a form
  /// without metadata. What is said of the recipe is believed more.
  bool seems_baked() {
    const bool seems = base_ == &nothing_ && !flags_.describes_input() && !flags_.divisor &&
                       model_.dtype == DType::u8 && model_.layout == image::Layout::nhwc && !model_.height &&
                       !model_.width;
    if (seems) note("the model takes bytes of photos of any size: it gets them as they are; --size says otherwise");
    return seems;
  }

  /// The recipe is baked into the graph: what files beside it say was for the model before.
  Result<void> take_whole_photo() {
    if (flags_.describes_input() || flags_.divisor || flags_.resize_mode)
      return invalid_argument("the model has its preprocessing baked in: flags of the recipe have no effect")
          .with_fix("leave them out, or give them to fovea bake");
    TransformSpec& spec = recipe_.transform;
    spec.resize_rule = ResizeRule::none;
    spec.crop_rule = CropRule::none;
    spec.mean = {0, 0, 0};
    spec.std = {1, 1, 1};
    spec.rescale = 1.0;
    recipe_.origin = "baked into the model";
    return {};
  }

  /// The input's size: the model's where it is fixed, else the flag's, else `said`, else the usual one.
  Result<Size> choose_size(std::optional<Size> said) {
    const Size wanted = flags_.input_size.value_or(said.value_or(kUsualSize));
    const Size size = {model_.height.value_or(wanted.height), model_.width.value_or(wanted.width)};
    if (size != wanted && flags_.input_size)
      return invalid_argument("--size {}, but the model takes {}", text(wanted), text(size))
          .with_fix("leave --size out, or export the model for that size");
    if (size != wanted && said && base_->test_input_size != size)
      note(fmt::format("{} says input size {}, but the model takes {}: the model wins", base_->origin, text(wanted),
                       text(size)));
    return size;
  }

  Result<void> follow_short_side() {
    TransformSpec& spec = recipe_.transform;
    if (flags_.crop_pct || flags_.crop_mode || flags_.input_size)
      return invalid_argument("--resize shortest=N crops nothing: --size, --crop-pct and --crop-mode have no effect")
          .with_fix("leave them out");
    if (base_->transform) spec = *base_->transform;
    spec.resize_rule = ResizeRule::shortest;
    spec.resize = {*pick(&Settings::shortest), *pick(&Settings::shortest)};
    spec.divisor = pick(&Settings::divisor).value_or(kUsualDivisor);
    spec.crop_rule = CropRule::none;
    spec.interpolation = pick(&Settings::interpolation).value_or(spec.interpolation);
    spec.mean = pick(&Settings::mean).value_or(spec.mean);
    spec.std = pick(&Settings::std).value_or(spec.std);
    if (base_ == &nothing_) announce_defaults();
    return {};
  }

  void announce_defaults() {
    recipe_.origin = "ImageNet's usual values";
    note(
        fmt::format("neither the model nor a file beside it says how photos become inputs: {}; --config FILE says "
                    "otherwise",
                    describe(recipe_.transform)));
  }

  /// Mean, std and scale: what the graph does itself is not done again.
  Result<void> choose_values() {
    TransformSpec& spec = recipe_.transform;
    if (model_.range == PixelRange::normalized) return {};
    const bool asked = flags_.mean || flags_.std;
    const std::string_view takes = model_.range == PixelRange::bytes ? "0 to 255" : "0 to 1";
    if (asked && model_.dtype == DType::u8)
      return invalid_argument("--mean and --std have no effect: the model takes pixels as u8")
          .with_fix("leave them out");
    if (asked) {
      note(fmt::format("the model seems to normalise pixels itself (it takes {}), but --mean or --std asks for more",
                       takes));
      return {};
    }
    const bool dropped = spec.mean != Rgb{0, 0, 0} || spec.std != Rgb{1, 1, 1};
    spec.mean = {0, 0, 0};
    spec.std = {1, 1, 1};
    spec.rescale.reset();
    if (model_.range == PixelRange::bytes) spec.rescale = 1.0;
    if (dropped)
      note(
          fmt::format("the model normalises pixels itself: it gets {}, and mean and std are not applied again", takes));
    return {};
  }

  const Settings& flags_;
  const InputFacts& model_;
  const Settings nothing_;
  const Settings* base_ = nullptr;
  Recipe recipe_;
};

}  // namespace

bool Settings::describes_input() const {
  return input_size || test_input_size || crop_pct || crop_mode || interpolation || mean || std || order || shortest ||
         transform;
}

Result<Recipe> resolve_recipe(const Settings& flags, std::span<const Settings> sources, const ModelFacts& facts) {
  return Resolver(flags, sources, facts).resolve(sources);
}

Result<LabelChoice> choose_labels(std::span<const LabelCandidate> candidates, int64_t classes) {
  LabelChoice choice;
  const auto count = static_cast<size_t>(classes);
  for (const LabelCandidate& candidate : candidates) {
    if (candidate.labels.size() == count) {
      choice.labels = candidate.labels;
      choice.origin = candidate.origin;
      return choice;
    }
    if (candidate.must_fit)
      return invalid_argument("{} labels, but the model has {} classes", candidate.labels.size(), classes)
          .at(candidate.origin)
          .with_fix("give a file with one label for each class");
    choice.notes.push_back(fmt::format("{} names {} classes, but the model has {}: these labels are left out",
                                       candidate.origin, candidate.labels.size(), classes));
  }
  const auto imagenet = imagenet_labels();
  if (count == imagenet.size() || count == imagenet.size() + 1) {
    if (count > imagenet.size()) choice.labels.emplace_back("background");  // TensorFlow's models count it as class 0
    choice.labels.insert(choice.labels.end(), imagenet.begin(), imagenet.end());
    choice.origin = "ImageNet";
    choice.notes.push_back(
        fmt::format("no labels found: {} classes are taken for ImageNet's; --labels FILE says "
                    "otherwise",
                    classes));
  } else {
    choice.notes.push_back("no labels found: classes are shown by their index; --labels FILE names them");
  }
  return choice;
}

std::string describe(const TransformSpec& spec) {
  std::string line;
  const std::string_view filter = image::name_of(spec.interpolation);
  switch (spec.resize_rule) {
    case ResizeRule::none: line = "not resized"; break;
    case ResizeRule::exact: line = fmt::format("resized to {} {}", text(spec.resize), filter); break;
    case ResizeRule::shortest: line = fmt::format("short side {} {}", spec.resize.height, filter); break;
    case ResizeRule::cover: line = fmt::format("resized to cover {} {}", text(spec.resize), filter); break;
    case ResizeRule::contain: line = fmt::format("resized into {} {}", text(spec.resize), filter); break;
    case ResizeRule::shortest_capped:
      line = fmt::format("short side {}, long side at most {} {}", spec.resize.height, spec.resize.width, filter);
      break;
    case ResizeRule::fit: line = fmt::format("resized to fit {} {}", text(spec.resize), filter); break;
  }
  if (spec.resize_rule != ResizeRule::none && spec.mode != image::ResizeMode::exact)
    line += fmt::format(" ({})", image::name_of(spec.mode));
  if (spec.divisor > 1) line += fmt::format(", sides multiples of {}", spec.divisor);
  if (spec.crop_rule != CropRule::none) line += fmt::format(", center {}", text(spec.crop));
  if (spec.rescale) line += fmt::format(", pixels times {:.6g}", *spec.rescale);
  if (spec.mean != Rgb{0, 0, 0} || spec.std != Rgb{1, 1, 1})
    line += fmt::format(", mean {:.4g}, std {:.4g}", fmt::join(spec.mean, " "), fmt::join(spec.std, " "));
  if (spec.order == image::ChannelOrder::bgr) line += ", BGR";
  return line;
}

}  // namespace fovea::tasks
