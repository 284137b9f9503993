// The public API (fovea/fovea.h) over the layers.
#include "fovea/fovea.h"

#include <cstring>

#include "backends/registry.h"
#include "base/error.h"
#include "image/decode.h"
#include "onnx/read.h"
#include "pipeline/classifier.h"
#include "tasks/read_recipe.h"

namespace fovea {
namespace {

Port to_port(const std::string& name, const ValueType& type) {
  Port port{name, type.dtype.value_or(DType::f32), {}};
  if (type.shape)
    for (const Dim& dim : *type.shape) port.shape.push_back(dim.known() ? dim.value : -1);
  return port;
}

std::vector<Port> to_ports(std::span<const backends::Port> ports) {
  std::vector<Port> result;
  for (const backends::Port& port : ports) result.push_back(to_port(port.name, port.type));
  return result;
}

}  // namespace

struct Model::Impl {
  std::filesystem::path path;
  std::shared_ptr<const Graph> graph;
};

struct Image::Impl {
  image::Image pixels;
};

struct Engine::Impl {
  std::shared_ptr<backends::Engine> engine;
  Result<std::unique_ptr<pipeline::Classifier>> classifier;  // an error for models that are no image classifiers
  std::vector<std::string> notes;
};

Result<Model> Model::load(const std::filesystem::path& path) {
  auto impl = std::make_shared<Impl>();
  impl->path = path;
  if (backends::is_onnx(path)) impl->graph = std::make_shared<const Graph>(FOVEA_TRY(onnx::read_model(path)));
  return Model(std::move(impl));
}

std::vector<Port> Model::inputs() const {
  std::vector<Port> ports;
  if (!impl_->graph) return ports;
  for (ValueId id : impl_->graph->inputs) {
    const Value& value = impl_->graph->value(id);
    if (!value.constant) ports.push_back(to_port(value.name, value.type));
  }
  return ports;
}

std::vector<Port> Model::outputs() const {
  std::vector<Port> ports;
  if (!impl_->graph) return ports;
  for (ValueId id : impl_->graph->outputs) {
    const Value& value = impl_->graph->value(id);
    ports.push_back(to_port(value.name, value.type));
  }
  return ports;
}

Result<Image> Image::open(const std::filesystem::path& path, bool apply_orientation) {
  auto impl = std::make_shared<Impl>();
  impl->pixels = FOVEA_TRY(image::read_image(path, {.apply_orientation = apply_orientation}));
  return Image(std::move(impl));
}

Result<Image> Image::decode(std::span<const std::byte> bytes, bool apply_orientation) {
  auto impl = std::make_shared<Impl>();
  impl->pixels = FOVEA_TRY(image::decode(bytes, {.apply_orientation = apply_orientation}));
  return Image(std::move(impl));
}

Result<Image> Image::from_pixels(std::span<const uint8_t> rgb, int64_t height, int64_t width) {
  const Shape shape = {height, width, 3};
  const auto bytes = checked_bytes(DType::u8, shape);
  if (!bytes.ok() || static_cast<size_t>(*bytes) != rgb.size())
    return invalid_argument("{} bytes are not a photo of {}x{} pixels (height x width)", rgb.size(), height, width)
        .with_fix("give height * width * 3 bytes");
  auto impl = std::make_shared<Impl>();
  impl->pixels = FOVEA_TRY(image::Image::allocate(height, width));
  std::memcpy(impl->pixels.data(), rgb.data(), rgb.size());
  return Image(std::move(impl));
}

int64_t Image::height() const { return impl_->pixels.height(); }
int64_t Image::width() const { return impl_->pixels.width(); }
std::span<const uint8_t> Image::pixels() const {
  return {impl_->pixels.data(), static_cast<size_t>(impl_->pixels.bytes())};
}

Result<Engine> compile(const Result<Model>& model, const CompileOptions& options) {
  if (!model.ok()) return model.error();
  const auto make_classifier =
      [&](std::shared_ptr<backends::Engine> engine) -> Result<std::unique_ptr<pipeline::Classifier>> {
    const Model::Impl& source = *model->impl_;
    const auto graph = source.graph ? source.graph : engine->model();
    if (!graph)
      return unsupported("the recipe of a model that is not ONNX is not known")
          .at(source.path.string())
          .with_fix("load the .onnx file beside it, and name the backend");
    const auto facts = FOVEA_TRY(tasks::examine(*graph));
    const auto sources = FOVEA_TRY(tasks::find_sources(source.path, graph->metadata, std::nullopt));
    auto recipe = FOVEA_TRY(tasks::resolve_recipe({}, sources, facts));
    return pipeline::Classifier::create(std::move(engine), std::move(recipe), {});
  };
  auto engine = FOVEA_TRY(backends::compile({model->impl_->path, model->impl_->graph}, options));
  auto impl = std::make_shared<Engine::Impl>(Engine::Impl{engine, make_classifier(engine), {}});
  if (impl->classifier.ok()) {
    impl->notes = (*impl->classifier)->recipe().notes;
    for (std::string& note : (*impl->classifier)->take_notes()) impl->notes.push_back(std::move(note));
  }
  return Engine(std::move(impl));
}

std::vector<Port> Engine::inputs() const { return to_ports(impl_->engine->inputs()); }
std::vector<Port> Engine::outputs() const { return to_ports(impl_->engine->outputs()); }

Result<std::vector<Tensor>> Engine::run(std::span<const Tensor> inputs) const { return impl_->engine->run(inputs); }

Result<Tensor> Engine::preprocess(const Image& photo) const {
  if (!impl_->classifier.ok()) return impl_->classifier.error();
  return (*impl_->classifier)->preprocess(photo.impl_->pixels.view());
}

Result<std::vector<Prediction>> Engine::classify(const Image& photo, int k) const {
  if (!impl_->classifier.ok()) return impl_->classifier.error();
  return (*impl_->classifier)->classify(photo.impl_->pixels.view(), k);
}

std::vector<std::string> Engine::notes() const { return impl_->notes; }

Result<std::vector<Prediction>> classify(const Result<Engine>& engine, const Result<Image>& photo, int k) {
  if (!engine.ok()) return engine.error();
  if (!photo.ok()) return photo.error();
  return engine->classify(*photo, k);
}

}  // namespace fovea
