// fovea: image models, fast, from C++, on the machine you have. A complete program:
//
//     #include <cstdio>
//     #include <fovea/fovea.h>
//
//     int main() {
//       auto model  = fovea::Model::load("model.onnx");
//       auto engine = fovea::compile(model, {.threads = 4});
//       auto top    = fovea::classify(engine, fovea::Image::open("photo.jpg"), 5);
//       if (!top) {
//         std::fprintf(stderr, "%s\n", top.error().to_string().c_str());
//         return 1;
//       }
//       for (const auto& answer : *top) std::printf("%5.1f %%  %s\n", 100 * answer.probability, answer.label.c_str());
//     }
//
// Every step takes the result of the one before; an error is handed on, and looked at once, at the end. How a photo
// becomes the model's input, and the names of its classes, are found as docs/using.md says under "Recipes".
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fovea/options.h"
#include "fovea/result.h"
#include "fovea/tensor.h"
#include "fovea/version.h"

namespace fovea {

/// An input or output of a model.
struct Port {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;  // -1 for an extent that the model leaves open
};

class Engine;

/// A model as it was read. Copies share it.
class Model {
 public:
  /// Reads an ONNX file; of what only a backend can read (TorchScript .pt) the path is kept, and nothing is known
  /// before it is compiled. Error: not_found, io, invalid_model, unsupported, naming the file and the node.
  static Result<Model> load(const std::filesystem::path& path);

  /// Empty for a model that is not ONNX: then the engine's tell.
  std::vector<Port> inputs() const;
  std::vector<Port> outputs() const;

 private:
  friend Result<Engine> compile(const Result<Model>& model, const CompileOptions& options);
  struct Impl;
  explicit Model(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

/// A decoded photo, RGB with 8 bits a channel. Copies share the pixels.
class Image {
 public:
  /// A JPEG, PNG or WebP file. `apply_orientation` turns it as its EXIF block says; Python's timm does not. Error:
  /// not_found, io, invalid_image, unsupported, out_of_memory.
  static Result<Image> open(const std::filesystem::path& path, bool apply_orientation = false);
  /// The same from bytes in memory.
  static Result<Image> decode(std::span<const std::byte> bytes, bool apply_orientation = false);
  /// Pixels of your own, height * width * 3 bytes, which are copied. Error: invalid_argument, out_of_memory.
  static Result<Image> from_pixels(std::span<const uint8_t> rgb, int64_t height, int64_t width);

  int64_t height() const;
  int64_t width() const;
  /// height * width * 3 bytes, row by row.
  std::span<const uint8_t> pixels() const;

 private:
  friend class Engine;
  struct Impl;
  explicit Image(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

struct Prediction {
  int64_t index = 0;       // of the class
  std::string label;       // "class 17" where the names are not known
  double probability = 0;  // 0 to 1
};

/// A model compiled by one backend for this machine. Copies share it; several threads may use it at once.
class Engine {
 public:
  /// What run() takes and returns, in that order.
  std::vector<Port> inputs() const;
  std::vector<Port> outputs() const;

  /// Tensors in, tensors out. Where a model on the native engine classifies photos and takes f32, a photo's resized
  /// bytes serve, too: u8 {n, height, width, channels}, normalised as its recipe says. Error: invalid_argument where
  /// one does not fit its port.
  Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) const;

  /// The tensor that the model gets for this photo. Error: unsupported where the model takes no photos.
  Result<Tensor> preprocess(const Image& photo) const;
  /// The best k classes, the best first. Error: unsupported where the model is no image classifier.
  Result<std::vector<Prediction>> classify(const Image& photo, int k) const;

  /// What was assumed or overruled on the way from photo to labels, for people; empty where all was said plainly.
  std::vector<std::string> notes() const;

 private:
  friend Result<Engine> compile(const Result<Model>& model, const CompileOptions& options);
  struct Impl;
  explicit Engine(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

/// Error: that of `model`; unavailable for a backend that cannot run here; what the backend says of the model.
Result<Engine> compile(const Result<Model>& model, const CompileOptions& options = {});

/// Engine::classify of results. Error: that of `engine`, else that of `photo`, else its own.
Result<std::vector<Prediction>> classify(const Result<Engine>& engine, const Result<Image>& photo, int k = 5);

}  // namespace fovea
