#include "pipeline/bake/explain.h"

namespace fovea::pipeline {
namespace {

enum class Part : uint8_t {
  model,       // whether the backend reads the file at all
  any_size,    // extents that only the photo shows
  real_sizes,  // sizes that follow from quotients in f64
  operation,   // Resize with antialiasing in f32
  bytes,       // the same on u8
  products,    // matrices of weights
  nearest,     // Gather
  rest,        // crop, padding, normalising
  top_k,
};

struct Line {
  std::string_view backend;
  Part part;
  Verdict verdict;
  std::string_view reason, instead;
};

constexpr std::string_view kProducts = "--resize matmul", kKnown = "--resize matmul --photo-size HxW";

// Versions are those with which it was seen; docs/using.md says what was measured.
constexpr Line kLines[] = {
    {"native", Part::model, Verdict::as_is, "reads ONNX", ""},
    {"native", Part::any_size, Verdict::as_is, "a plan for each size of photo; its arithmetic is folded away", ""},
    {"native", Part::real_sizes, Verdict::as_is, "computed in f64", ""},
    {"native", Part::operation, Verdict::as_is,
     "the reference kernel, one pass after the other in f64: right, but slow",
     "the model before baking: fovea's own preprocessing is exact and fast"},
    {"native", Part::bytes, Verdict::as_is,
     "rounded between the passes: the same as Pillow but for ties; as slow as in f32", ""},
    {"native", Part::products, Verdict::as_is, "Pillow's weights to the last bits of f32", ""},
    {"native", Part::nearest, Verdict::as_is, "pixels by index", ""},
    {"native", Part::rest, Verdict::as_is, "", ""},
    {"native", Part::top_k, Verdict::as_is, "", ""},

    {"onnxruntime", Part::model, Verdict::as_is, "reads ONNX", ""},
    {"onnxruntime", Part::any_size, Verdict::as_is, "", ""},
    {"onnxruntime", Part::real_sizes, Verdict::as_is, "computed in f64", ""},
    {"onnxruntime", Part::operation, Verdict::as_is,
     "its CPU kernel antialiases; at most 1.1 levels from Pillow on photos", ""},
    {"onnxruntime", Part::bytes, Verdict::as_is,
     "its kernel for u8 computes in Pillow's whole numbers: the same but for a few ties", ""},
    {"onnxruntime", Part::products, Verdict::as_is, "the same as Pillow but for a few ties; slower on large photos",
     ""},
    {"onnxruntime", Part::nearest, Verdict::as_is, "", ""},
    {"onnxruntime", Part::rest, Verdict::as_is, "", ""},
    {"onnxruntime", Part::top_k, Verdict::as_is, "", ""},

    {"openvino", Part::model, Verdict::as_is, "reads ONNX", ""},
    {"openvino", Part::any_size, Verdict::as_is, "", ""},
    {"openvino", Part::real_sizes, Verdict::lowered,
     "f64 becomes f32: where two sizes are equally near, the other may win", "--photo-size HxW"},
    {"openvino", Part::operation, Verdict::refused,
     "2026.4 ignores antialias without a word: up to 167 levels from Pillow", kProducts},
    {"openvino", Part::bytes, Verdict::refused, "2026.4 ignores antialias without a word: up to 156 levels from Pillow",
     kProducts},
    {"openvino", Part::products, Verdict::as_is, "the same as Pillow but for a few ties", ""},
    {"openvino", Part::nearest, Verdict::as_is, "", ""},
    {"openvino", Part::rest, Verdict::as_is, "", ""},
    {"openvino", Part::top_k, Verdict::as_is, "", ""},

    {"tensorrt", Part::model, Verdict::as_is, "reads ONNX", ""},
    {"tensorrt", Part::any_size, Verdict::lowered, "needs a profile of least, usual and largest size", kKnown},
    {"tensorrt", Part::real_sizes, Verdict::refused, "has no f64", kKnown},
    {"tensorrt", Part::operation, Verdict::refused, "8.6 ignores antialias without a word, later versions refuse it",
     kKnown},
    {"tensorrt", Part::bytes, Verdict::refused, "takes u8 to a Cast only, and lacks antialias", kKnown},
    {"tensorrt", Part::products, Verdict::as_is, "plain products", "--photo-size HxW makes the weights constants"},
    {"tensorrt", Part::nearest, Verdict::lowered, "takes u8 to a Cast only", kKnown},
    {"tensorrt", Part::rest, Verdict::as_is, "", ""},
    {"tensorrt", Part::top_k, Verdict::as_is, "", ""},

    {"torch", Part::model, Verdict::refused, "reads TorchScript and exported programs, no ONNX",
     "the model before baking: fovea preprocesses for it"},

    {"tvm", Part::model, Verdict::lowered, "compiled ahead by tools/compile_tvm.py, for one size", "--photo-size HxW"},
    {"tvm", Part::any_size, Verdict::refused, "the compiled module has fixed sizes", kKnown},
    {"tvm", Part::real_sizes, Verdict::refused, "the compiled module has fixed sizes", kKnown},
    {"tvm", Part::operation, Verdict::refused, "its reader (0.27) does not look at antialias", kKnown},
    {"tvm", Part::bytes, Verdict::refused, "its reader (0.27) does not look at antialias", kKnown},
    {"tvm", Part::products, Verdict::as_is, "plain products", ""},
    {"tvm", Part::nearest, Verdict::as_is, "", ""},
    {"tvm", Part::rest, Verdict::as_is, "", ""},
    {"tvm", Part::top_k, Verdict::as_is, "", ""},
};

std::string_view name_of(Part part) {
  constexpr std::string_view kNames[] = {"model",       "any size",        "sizes by f64",
                                         "Resize, f32", "Resize, u8",      "resize by MatMul",
                                         "nearest",     "crop, normalise", "top-k"};
  return kNames[static_cast<size_t>(part)];
}

}  // namespace

std::string_view name_of(Verdict verdict) {
  constexpr std::string_view kNames[] = {"as it is", "lowered", "refused"};
  return kNames[static_cast<size_t>(verdict)];
}

std::vector<Explanation> explain(const image::TransformSpec& spec, const BakeOptions& options) {
  using image::ResizeRule;
  const bool resizes = spec.resize_rule != ResizeRule::none;
  const bool nearest = spec.interpolation == image::Interpolation::nearest;
  const BakeResize how = needs_matmul(spec.interpolation) ? BakeResize::matmul : options.resize;
  const bool quotients =
      spec.divisor > 1 || (spec.resize_rule != ResizeRule::none && spec.resize_rule != ResizeRule::exact &&
                           spec.resize_rule != ResizeRule::shortest);
  const auto is_there = [&](Part part) {
    switch (part) {
      case Part::any_size: return !options.photo;
      case Part::real_sizes: return !options.photo && quotients;
      case Part::operation: return resizes && !nearest && how == BakeResize::operation;
      case Part::bytes: return resizes && !nearest && how == BakeResize::bytes;
      case Part::products: return resizes && !nearest && how == BakeResize::matmul;
      case Part::nearest: return resizes && nearest;
      case Part::top_k: return options.top_k.has_value();
      case Part::model:
      case Part::rest: break;
    }
    return true;
  };
  std::vector<Explanation> lines;
  for (const Line& line : kLines)
    if (is_there(line.part))
      lines.push_back({line.backend, name_of(line.part), line.verdict, line.reason, line.instead});
  return lines;
}

}  // namespace fovea::pipeline
