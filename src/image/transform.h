// A photo becomes the float32 input of a model: resize, crop or pad, normalise; bit for bit what timm's evaluation
// transform and transformers' Pillow processors compute, unless another way of resizing is asked for.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "fovea/result.h"
#include "fovea/tensor.h"
#include "image/image.h"
#include "image/photo_reader.h"
#include "image/resample.h"

namespace fovea::image {

/// How the size after resizing follows from the photo's (h, w). H and W are `TransformSpec::resize`.
enum class ResizeRule : uint8_t {
  none,             // the photo's own size
  exact,            // H x W, the aspect is not kept.      timm "squash"; transformers {"height", "width"}
  shortest,         // short side H, long side trunc(H * long / short).
                    //   timm "center" with a square target, torchvision Resize(int); transformers {"shortest_edge"}
  cover,            // ratio = min(h / H, w / W), each side rounded half to even.    timm "center", target not square
  contain,          // ratio = max(h / H, w / W), each side rounded half to even.    timm "border"
  shortest_capped,  // short side H, less where the long side would exceed W.
                    //   transformers {"shortest_edge", "longest_edge"}
  fit,              // the largest size within H x W, truncated.   transformers {"max_height", "max_width"}
};

/// What happens between the resized photo and the model's input.
enum class CropRule : uint8_t {
  none,          // nothing: the input has the resized photo's size
  torchvision,   // to `crop`: offset round((side - crop) / 2) half to even; what is missing is padded, floor(d / 2)
                 // before
  transformers,  // to `crop`: offset floor((side - crop) / 2); padded with ceil(d / 2) before
};

enum class Layout : uint8_t { nchw, nhwc };
enum class ChannelOrder : uint8_t { rgb, bgr };

struct TransformSpec {
  ResizeRule resize_rule = ResizeRule::shortest;
  Size resize = {256, 256};  // H and W above; `shortest` reads H only
  /// Above 1: each side after resizing becomes the nearest multiple of it (half to even, at least one). For models with
  /// dynamic height and width: `shortest` with a divisor and CropRule::none.
  int64_t divisor = 1;
  Interpolation interpolation = Interpolation::bicubic;
  ResizeMode mode = ResizeMode::exact;

  CropRule crop_rule = CropRule::torchvision;
  Size crop = {224, 224};
  std::array<uint8_t, 3> fill = {0, 0, 0};  // the padding's R, G, B

  /// value = u8 * rescale, in double, then rounded to float32 (transformers' rescale_factor). Without a value: float32
  /// u8 / 255 (ToTensor of torchvision). 1.0 leaves 0..255 as they are (do_rescale: false).
  std::optional<double> rescale;
  /// Then (value - mean) / std in float32, each rounded to float32 first; in the order of the model's channels. Mean 0
  /// and std 1 change nothing (do_normalize: false).
  std::array<double, 3> mean = {0.485, 0.456, 0.406};
  std::array<double, 3> std = {0.229, 0.224, 0.225};

  ChannelOrder order = ChannelOrder::rgb;
  Layout layout = Layout::nchw;
};

enum class TimmCropMode : uint8_t { center, squash, border };
/// "center", "squash", "border". Error: any other name.
Result<TimmCropMode> parse_timm_crop_mode(std::string_view name);

/// timm's evaluation transform (transforms_imagenet_eval) as a spec, from the fields of a `pretrained_cfg`: input_size,
/// crop_pct (0 or less: timm's default 0.875), crop_mode, interpolation, mean, std.
TransformSpec timm_transform(Size input, double crop_pct, TimmCropMode mode, Interpolation interpolation,
                             const std::array<double, 3>& mean, const std::array<double, 3>& std);

/// A spec made ready: checked, and its 3 * 256 possible values computed. Immutable, so threads may share one.
class Transform {
 public:
  /// Error: invalid_argument for a size, divisor or std that makes no sense.
  static Result<Transform> create(const TransformSpec& spec);

  const TransformSpec& spec() const { return spec_; }
  /// What each byte becomes: 3 * 256 values, by the model's channel first.
  std::span<const float> values() const { return {table_[0].data(), 3 * 256}; }

  /// The size of the model's input for a photo of this size. Error: a side of 0 after rounding (Pillow refuses it,
  /// too).
  Result<Size> output_size(Size photo) const;

  /// The pixels of the model's input, before they are normalised: RGB, output_size(photo.size()). Only the part of the
  /// resized photo that survives the crop is computed.
  Result<Image> pixels(ImageView photo) const;
  /// The same while the photo is decoded, so that it is nowhere as a whole. The reader must be fresh; it is finished
  /// afterwards. Error: also the reader's.
  Result<Image> pixels(PhotoReader& photo) const;
  /// Rows begin to end - 1 of the same pixels, in their order: the same bytes whatever rows are asked for. The reader
  /// must be fresh; it is finished where the last row is among them. Precondition: begin < end, both within
  /// output_size(). Error: also the reader's.
  Result<void> rows(PhotoReader& photo, int64_t begin, int64_t end, const RowSink& sink) const;
  /// What rows() reads of a photo, from its frame at `divisor`.
  struct Reading {
    int divisor = 1;
    Rect wanted;
  };
  Result<Reading> reading(const PhotoReader& photo, int64_t begin, int64_t end) const;

  /// The input itself, f32, into the caller's buffer: {3, H, W} for nchw, {H, W, 3} for nhwc, with or without a leading
  /// 1, where H and W are output_size(photo.size()). Error: another dtype or shape.
  Result<void> run(ImageView photo, MutableView out) const;

  /// The second half of run(): pixels of the right size to f32.
  Result<void> normalize(ImageView pixels, MutableView out) const;
  /// Row y of `size` pixels, into its place in `values`, which holds 3 * height * width of them in the spec's layout.
  void normalize_row(const uint8_t* rgb, int64_t y, Size size, float* values) const;

 private:
  struct Plan;
  Result<Plan> plan(Size photo) const;
  Result<Reading> reading(const PhotoReader& photo, const Resizing& resizing) const;
  Result<void> rows_of(RowSource& source, const Plan& plan, int64_t begin, int64_t end, const RowSink& sink) const;

  TransformSpec spec_;
  std::array<std::array<float, 256>, 3> table_{};  // by the model's channel, then by the pixel's value
};

}  // namespace fovea::image
