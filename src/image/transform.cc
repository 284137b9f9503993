// The formulas of timm, torchvision and transformers for sizes, crops and values.
#include "image/transform.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "base/error.h"

namespace fovea::image {
namespace {

// Sides beyond this come from a photo that is a mere line; nothing sensible follows from them.
constexpr double kMaxSide = 1 << 30;

// A JPEG at a fraction of its size is a photo taken with a box filter: with so many pixels more than needed, the
// resizing filter has the last word.
constexpr double kScaledMargin = 1.25;

// Python's round(): half to even. The default rounding mode of the floating-point unit.
double half_to_even(double x) { return std::nearbyint(x); }

// Resized extents before the divisor, as doubles: they may exceed what an image can be. Each line is one formula of
// timm, torchvision or transformers, evaluated in the same order.
struct Extents {
  double height;
  double width;
};

Extents resized(const TransformSpec& spec, Size photo) {
  const auto h = static_cast<double>(photo.height), w = static_cast<double>(photo.width);
  const auto target_h = static_cast<double>(spec.resize.height), target_w = static_cast<double>(spec.resize.width);
  switch (spec.resize_rule) {
    case ResizeRule::none: return {h, w};
    case ResizeRule::exact: return {target_h, target_w};
    case ResizeRule::shortest: {
      const double longest = std::trunc(target_h * std::max(h, w) / std::min(h, w));
      return w <= h ? Extents{longest, target_h} : Extents{target_h, longest};
    }
    case ResizeRule::cover: {
      const double ratio = std::min(h / target_h, w / target_w);
      return {half_to_even(h / ratio), half_to_even(w / ratio)};
    }
    case ResizeRule::contain: {
      const double ratio = std::max(h / target_h, w / target_w);
      return {half_to_even(h / ratio), half_to_even(w / ratio)};
    }
    case ResizeRule::shortest_capped: {
      const double shorter = std::min(h, w), longer = std::max(h, w);
      double raw = target_h, size = target_h;
      if (longer / shorter * size > target_w) {
        raw = target_w * shorter / longer;
        size = half_to_even(raw);
      }
      if ((h <= w && h == size) || (w <= h && w == size)) return {h, w};
      if (w < h) return {std::trunc(raw * h / w), size};
      return {size, std::trunc(raw * w / h)};
    }
    case ResizeRule::fit: {
      const double scale = std::min(target_h / h, target_w / w);
      return {std::trunc(h * scale), std::trunc(w * scale)};
    }
  }
  return {h, w};
}

Result<Size> resized_size(const TransformSpec& spec, Size photo) {
  if (photo.height <= 0 || photo.width <= 0)
    return invalid_argument("a photo of {}x{} pixels", photo.width, photo.height).with_fix("give one that has pixels");
  auto [h, w] = resized(spec, photo);
  if (spec.divisor > 1) {
    const auto d = static_cast<double>(spec.divisor);
    h = std::max(1.0, half_to_even(h / d)) * d;
    w = std::max(1.0, half_to_even(w / d)) * d;
  }
  if (!(h >= 1 && w >= 1 && h <= kMaxSide && w <= kMaxSide))
    return invalid_image("a photo of {}x{} pixels (width x height) would become {:.0f}x{:.0f}", photo.width,
                         photo.height, w, h)
        .with_fix("cut it into less elongated parts, or use crop mode squash");
  return Size{static_cast<int64_t>(h), static_cast<int64_t>(w)};
}

// Where the crop begins in the resized photo, and where it lands in the input, along one axis.
struct Window {
  int64_t from = 0;    // first pixel taken of the resized photo
  int64_t to = 0;      // where it goes in the input
  int64_t count = 0;   // how many
  int64_t extent = 0;  // of the input
};

Window window(CropRule rule, int64_t side, int64_t crop) {
  if (rule == CropRule::none) return {0, 0, side, side};
  if (crop > side) {
    const int64_t missing = crop - side;
    return {0, rule == CropRule::torchvision ? missing / 2 : (missing + 1) / 2, side, crop};
  }
  const int64_t spare = side - crop;
  const auto even = static_cast<int64_t>(half_to_even(static_cast<double>(spare) / 2.0));
  return {rule == CropRule::torchvision ? even : spare / 2, 0, crop, crop};
}

// The channel of RGB that the model's channel c takes.
int photo_channel(ChannelOrder order, int c) { return order == ChannelOrder::rgb ? c : 2 - c; }

bool has_shape(const MutableView& out, const TransformSpec& spec, Size size) {
  std::span<const int64_t> shape = out.shape;
  if (shape.size() == 4 && shape[0] == 1) shape = shape.subspan(1);
  if (shape.size() != 3) return false;
  return spec.layout == Layout::nchw ? shape[0] == 3 && shape[1] == size.height && shape[2] == size.width
                                     : shape[0] == size.height && shape[1] == size.width && shape[2] == 3;
}

}  // namespace

Result<TimmCropMode> parse_timm_crop_mode(std::string_view name) {
  if (name == "center") return TimmCropMode::center;
  if (name == "squash") return TimmCropMode::squash;
  if (name == "border") return TimmCropMode::border;
  return invalid_argument("no crop mode is called \"{}\"", name).with_fix("use center, squash or border");
}

TransformSpec timm_transform(Size input, double crop_pct, TimmCropMode mode, Interpolation interpolation,
                             const std::array<double, 3>& mean, const std::array<double, 3>& std) {
  constexpr double kDefaultCropPct = 0.875;
  if (!(crop_pct > 0)) crop_pct = kDefaultCropPct;
  const auto scaled = [crop_pct](int64_t side) {
    return static_cast<int64_t>(std::min(kMaxSide, std::floor(static_cast<double>(side) / crop_pct)));
  };
  TransformSpec spec;
  spec.resize = {scaled(input.height), scaled(input.width)};
  switch (mode) {
    case TimmCropMode::center:
      spec.resize_rule = spec.resize.height == spec.resize.width ? ResizeRule::shortest : ResizeRule::cover;
      break;
    case TimmCropMode::squash: spec.resize_rule = ResizeRule::exact; break;
    case TimmCropMode::border:
      spec.resize_rule = ResizeRule::contain;
      for (size_t c = 0; c < 3; ++c)
        spec.fill[c] = static_cast<uint8_t>(std::clamp(half_to_even(255 * mean[c]), 0.0, 255.0));
      break;
  }
  spec.interpolation = interpolation;
  spec.crop_rule = CropRule::torchvision;
  spec.crop = input;
  spec.mean = mean;
  spec.std = std;
  return spec;
}

Result<Transform> Transform::create(const TransformSpec& spec) {
  const auto sensible = [](Size size) {
    return size.height >= 1 && size.width >= 1 && size.height <= kMaxSide && size.width <= kMaxSide;
  };
  if (spec.resize_rule != ResizeRule::none && !sensible(spec.resize))
    return invalid_argument("cannot resize to {}x{} pixels (width x height)", spec.resize.width, spec.resize.height)
        .with_fix("give a size of at least 1");
  if (spec.crop_rule != CropRule::none && !sensible(spec.crop))
    return invalid_argument("cannot crop to {}x{} pixels (width x height)", spec.crop.width, spec.crop.height)
        .with_fix("give a size of at least 1");
  if (spec.divisor < 1 || static_cast<double>(spec.divisor) > kMaxSide)
    return invalid_argument("a divisor of {}", spec.divisor).with_fix("give 1 (none) or more");
  if (spec.rescale && !std::isfinite(*spec.rescale))
    return invalid_argument("a rescale factor of {}", *spec.rescale)
        .with_fix("give a number, such as 0.00392156862745098");
  for (size_t c = 0; c < 3; ++c)
    if (!std::isfinite(spec.mean[c]) || !std::isfinite(spec.std[c]) || static_cast<float>(spec.std[c]) == 0.0f)
      return invalid_argument("mean {} and std {} of channel {}", spec.mean[c], spec.std[c], c)
          .with_fix("give finite numbers, std not 0");

  Transform transform;
  transform.spec_ = spec;
  for (size_t c = 0; c < 3; ++c) {
    const auto mean = static_cast<float>(spec.mean[c]), std = static_cast<float>(spec.std[c]);
    for (int v = 0; v < 256; ++v) {
      const float value = spec.rescale ? static_cast<float>(v * *spec.rescale) : static_cast<float>(v) / 255.0f;
      const float centred = value - mean;
      transform.table_[c][static_cast<size_t>(v)] = centred / std;
    }
  }
  return transform;
}

Result<Size> Transform::output_size(Size photo) const {
  const Size size = FOVEA_TRY(resized_size(spec_, photo));
  return spec_.crop_rule == CropRule::none ? size : spec_.crop;
}

struct Transform::Plan {
  Resizing resizing;
  Window y, x;

  /// What of the resized photo is in rows begin to end - 1 of the input; of rows that are all padding, nothing.
  Resizing rows(int64_t begin, int64_t end) const {
    Resizing result = resizing;
    const int64_t first = std::clamp(begin - y.to, int64_t{0}, y.count), last = std::clamp(end - y.to, first, y.count);
    result.part.top += first;
    result.part.height = last - first;
    return result;
  }
};

Result<Transform::Plan> Transform::plan(Size photo) const {
  const Size size = FOVEA_TRY(resized_size(spec_, photo));
  const Window y = window(spec_.crop_rule, size.height, spec_.crop.height);
  const Window x = window(spec_.crop_rule, size.width, spec_.crop.width);
  return Plan{{size, spec_.interpolation, {y.from, x.from, y.count, x.count}, spec_.mode}, y, x};
}

Result<void> Transform::rows_of(RowSource& source, const Plan& plan, int64_t begin, int64_t end,
                                const RowSink& sink) const {
  const auto& [resizing, y, x] = plan;
  const Resizing part = plan.rows(begin, end);
  const int64_t first = part.part.top - resizing.part.top + y.to, last = first + part.part.height;
  const bool padded = x.count < x.extent || part.part.height < end - begin;
  Image framed;  // a row with padding on both sides, and one of nothing else
  if (padded) {
    framed = FOVEA_TRY(Image::allocate(2, x.extent));
    for (int64_t i = 0; i < 2 * x.extent; ++i) std::memcpy(framed.data() + 3 * i, spec_.fill.data(), 3);
  }
  const auto pad = [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; ++row) sink(row, framed.row(1));
  };
  if (part.part.height == 0) {
    pad(begin, end);
    return {};
  }
  pad(begin, first);
  FOVEA_TRY(resize_rows(source, part, [&](int64_t row, const uint8_t* rgb) {
    if (x.count == x.extent) return sink(first + row, rgb);
    std::copy_n(rgb, 3 * x.count, framed.row(0) + 3 * x.to);
    sink(first + row, framed.row(0));
  }));
  pad(last, end);
  return {};
}

Result<Image> Transform::pixels(ImageView photo) const {
  ViewSource source(photo);
  const Plan how = FOVEA_TRY(plan(photo.size()));
  Image out = FOVEA_TRY(Image::allocate(how.y.extent, how.x.extent));
  FOVEA_TRY(rows_of(source, how, 0, out.height(),
                    [&](int64_t y, const uint8_t* rgb) { std::copy_n(rgb, 3 * out.width(), out.row(y)); }));
  return out;
}

Result<Image> Transform::pixels(PhotoReader& photo) const {
  const Size size = FOVEA_TRY(output_size(photo.size()));
  Image out = FOVEA_TRY(Image::allocate(size.height, size.width));
  FOVEA_TRY(rows(photo, 0, out.height(),
                 [&](int64_t y, const uint8_t* rgb) { std::copy_n(rgb, 3 * out.width(), out.row(y)); }));
  return out;
}

Result<Transform::Reading> Transform::reading(const PhotoReader& photo, const Resizing& resizing) const {
  const bool scaled = spec_.mode == ResizeMode::scaled && photo.can_scale() &&
                      spec_.interpolation != Interpolation::nearest && resizing.size != photo.size();
  const int divisor = scaled ? scaled_divisor(photo.size(), resizing.size, kScaledMargin) : 1;
  if (resizing.part.height == 0) return Reading{divisor, {0, 0, 1, 1}};
  const Rect wanted = FOVEA_TRY(source_part(photo.frame_at(divisor), resizing));
  return Reading{divisor, wanted};
}

Result<Transform::Reading> Transform::reading(const PhotoReader& photo, int64_t begin, int64_t end) const {
  return reading(photo, FOVEA_TRY(plan(photo.size())).rows(begin, end));
}

Result<void> Transform::rows(PhotoReader& photo, int64_t begin, int64_t end, const RowSink& sink) const {
  const Plan how = FOVEA_TRY(plan(photo.size()));
  const auto [divisor, wanted] = FOVEA_TRY(reading(photo, how.rows(begin, end)));
  FOVEA_TRY(photo.start(divisor, wanted));
  FOVEA_TRY(rows_of(photo, how, begin, end, sink));
  if (end == how.y.extent) FOVEA_TRY(photo.finish());
  return {};
}

Result<void> Transform::normalize(ImageView pixels, MutableView out) const {
  if (out.dtype != DType::f32 || !has_shape(out, spec_, pixels.size()))
    return invalid_argument("the input buffer is {}[{}], the photo needs f32 {} {}x{} (height x width)",
                            name_of(out.dtype), to_string(out.shape), spec_.layout == Layout::nchw ? "nchw" : "nhwc",
                            pixels.height, pixels.width)
        .with_fix("ask output_size() for the shape");
  for (int64_t y = 0; y < pixels.height; ++y) normalize_row(pixels.row(y), y, pixels.size(), out.as<float>());
  return {};
}

void Transform::normalize_row(const uint8_t* rgb, int64_t y, Size size, float* values) const {
  const int c0 = photo_channel(spec_.order, 0), c2 = photo_channel(spec_.order, 2);
  const int64_t begin = y * size.width, plane = size.height * size.width;
  if (spec_.layout == Layout::nhwc) {
    float* to = values + 3 * begin;
    for (int64_t x = 0; x < size.width; ++x, rgb += 3, to += 3) {
      to[0] = table_[0][rgb[c0]];
      to[1] = table_[1][rgb[1]];
      to[2] = table_[2][rgb[c2]];
    }
  } else {
    float *to0 = values + begin, *to1 = to0 + plane, *to2 = to1 + plane;
    for (int64_t x = 0; x < size.width; ++x, rgb += 3) {
      to0[x] = table_[0][rgb[c0]];
      to1[x] = table_[1][rgb[1]];
      to2[x] = table_[2][rgb[c2]];
    }
  }
}

Result<void> Transform::run(ImageView photo, MutableView out) const {
  const Image input = FOVEA_TRY(pixels(photo));
  return normalize(input.view(), out);
}

}  // namespace fovea::image
