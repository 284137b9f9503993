// Whole numbers are computed in i64. Where Python divides and rounds, f64 is needed: a tie between two sizes is decided
// by the last bit of the quotient.
#include "pipeline/bake/sizes.h"

namespace fovea::pipeline {
namespace {

using image::ResizeRule;

/// f64 {1} each.
struct Reals {
  ValueId height, width;
};

ValueId half_to_even(Builder& b, ValueId x) { return b.make("Round", {x}); }
ValueId truncated(Builder& b, ValueId x) { return b.make("Floor", {x}); }  // of positive numbers

/// short side S, long side S * long / short, truncated: exact in whole numbers.
Extents shortest(Builder& b, const image::TransformSpec& spec, Extents photo) {
  const ValueId side = b.integer(spec.resize.height);
  const ValueId shorter = b.min(photo.height, photo.width), longer = b.max(photo.height, photo.width);
  const ValueId longest = b.div(b.mul(side, longer), shorter);
  const ValueId landscape = b.less(photo.height, photo.width);
  return {b.where(landscape, side, longest), b.where(landscape, longest, side)};
}

Reals by_ratio(Builder& b, const image::TransformSpec& spec, Reals photo, bool cover) {
  const ValueId y = b.div(photo.height, b.real(static_cast<double>(spec.resize.height)));
  const ValueId x = b.div(photo.width, b.real(static_cast<double>(spec.resize.width)));
  const ValueId ratio = cover ? b.min(y, x) : b.max(y, x);
  return {half_to_even(b, b.div(photo.height, ratio)), half_to_even(b, b.div(photo.width, ratio))};
}

Reals fit(Builder& b, const image::TransformSpec& spec, Reals photo) {
  const ValueId y = b.div(b.real(static_cast<double>(spec.resize.height)), photo.height);
  const ValueId x = b.div(b.real(static_cast<double>(spec.resize.width)), photo.width);
  const ValueId scale = b.min(y, x);
  return {truncated(b, b.mul(photo.height, scale)), truncated(b, b.mul(photo.width, scale))};
}

Reals shortest_capped(Builder& b, const image::TransformSpec& spec, Reals photo) {
  const ValueId target = b.real(static_cast<double>(spec.resize.height));
  const ValueId cap = b.real(static_cast<double>(spec.resize.width));
  const ValueId shorter = b.min(photo.height, photo.width), longer = b.max(photo.height, photo.width);
  const ValueId too_long = b.less(cap, b.mul(b.div(longer, shorter), target));
  const ValueId raw = b.where(too_long, b.div(b.mul(cap, shorter), longer), target);
  const ValueId size = b.where(too_long, half_to_even(b, raw), target);
  // A photo whose short side has that size already stays as it is.
  const ValueId stays = b.make("Equal", {shorter, size});
  const ValueId portrait = b.less(photo.width, photo.height);
  const ValueId high = truncated(b, b.div(b.mul(raw, photo.height), photo.width));
  const ValueId wide = truncated(b, b.div(b.mul(raw, photo.width), photo.height));
  return {b.where(stays, photo.height, b.where(portrait, high, size)),
          b.where(stays, photo.width, b.where(portrait, size, wide))};
}

}  // namespace

Extents resized(Builder& b, const image::TransformSpec& spec, Extents photo) {
  const auto real = [&](ValueId x) { return b.cast(x, DType::f64); };
  const auto whole = [&](ValueId x) { return b.cast(x, DType::i64); };
  const auto whole_size = [&](Reals size) { return Extents{whole(size.height), whole(size.width)}; };
  const auto reals = [&] { return Reals{real(photo.height), real(photo.width)}; };
  Extents size = photo;
  switch (spec.resize_rule) {
    case ResizeRule::none: break;
    case ResizeRule::exact: size = {b.integer(spec.resize.height), b.integer(spec.resize.width)}; break;
    case ResizeRule::shortest: size = shortest(b, spec, photo); break;
    case ResizeRule::cover: size = whole_size(by_ratio(b, spec, reals(), true)); break;
    case ResizeRule::contain: size = whole_size(by_ratio(b, spec, reals(), false)); break;
    case ResizeRule::shortest_capped: size = whole_size(shortest_capped(b, spec, reals())); break;
    case ResizeRule::fit: size = whole_size(fit(b, spec, reals())); break;
  }
  if (spec.divisor <= 1) return size;
  const auto multiple = [&](ValueId side) {
    const ValueId divisor = b.real(static_cast<double>(spec.divisor));
    return whole(b.mul(b.max(b.real(1), half_to_even(b, b.div(real(side), divisor))), divisor));
  };
  return {multiple(size.height), multiple(size.width)};
}

Window window(Builder& b, image::CropRule rule, ValueId side, int64_t crop, bool pads) {
  const ValueId zero = b.integer(0), two = b.integer(2), wanted = b.integer(crop);
  Window w;
  ValueId spare = b.sub(side, wanted);
  if (pads) {
    const ValueId missing = b.max(b.sub(zero, spare), zero);
    w.before = rule == image::CropRule::torchvision ? b.div(missing, two) : b.div(b.add(missing, b.integer(1)), two);
    w.after = b.sub(missing, w.before);
    spare = b.max(spare, zero);
  }
  w.count = pads ? b.min(side, wanted) : wanted;
  // Halves of whole numbers are exact in f32 as far as photos go.
  w.from = rule == image::CropRule::torchvision
               ? b.cast(half_to_even(b, b.mul(b.cast(spare, DType::f32), b.number(0.5f))), DType::i64)
               : b.div(spare, two);
  return w;
}

bool may_pad(const image::TransformSpec& spec) {
  if (spec.crop_rule == image::CropRule::none) return false;
  const bool exact = spec.resize_rule == ResizeRule::exact, cover = spec.resize_rule == ResizeRule::cover;
  if (spec.divisor > 1) return true;
  if (exact || cover) return spec.resize.height < spec.crop.height || spec.resize.width < spec.crop.width;
  if (spec.resize_rule == ResizeRule::shortest)
    return spec.resize.height < spec.crop.height || spec.resize.height < spec.crop.width;
  return true;
}

}  // namespace fovea::pipeline
