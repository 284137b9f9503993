// Pillow's resize as nodes of a graph.
#pragma once

#include "image/resample.h"
#include "pipeline/bake/sizes.h"

namespace fovea::pipeline {

/// With which operators a photo is resized. All end in whole levels of 0 to 255, halves rounded up as Pillow does.
enum class BakeResize : uint8_t {
  /// Resize with antialiasing, in f32: at most 1.1 levels from Pillow on photos, which rounds between its two passes;
  /// up
  /// to 33 on noise that is enlarged.
  operation,
  /// Two of them on u8, each along one axis, which round between the passes as Pillow does, and take them in its order.
  /// A level at ties; ONNX leaves the rounding to the runtime (ONNX Runtime's kernel computes in Pillow's whole
  /// numbers).
  bytes,
  /// Two products with Pillow's weights, rounded in between as Pillow does: a level at ties. Needs no antialiasing of
  /// the runtime, and costs more the larger the photo. For photos of any size the rows are always first, as they were
  /// before Pillow 13, which takes the columns first where the height shrinks by more than twice as much as the width:
  /// those come as near as with `operation`.
  matmul,
};
std::string_view name_of(BakeResize resize);

/// Whether ONNX's Resize lacks the filter, so that only `matmul` can do it.
bool needs_matmul(image::Interpolation interpolation);

/// The part `rows` x `columns` of the photo resized to `size`. `photo` is {N, 3, H, W}, f32 for `matmul`, else u8; the
/// result f32 {N, 3, h, w}.
/// Nearest takes pixels by their index, whatever `how` says. Error: out_of_memory for weights of a known size.
Result<ValueId> resize_and_crop(Builder& b, BakeResize how, image::Interpolation interpolation, ValueId photo,
                                Extents from, Extents size, const Window& rows, const Window& columns);

}  // namespace fovea::pipeline
