// From an ONNX file to a plan: TensorRT's builder.
#include "builder.h"

#include <algorithm>

#include "libraries.h"
#include "types.h"

namespace fovea::plugin {
namespace {

using nvinfer1::BuilderFlag;

constexpr int kMostReasons = 3;

Port to_port(const nvinfer1::ITensor& tensor) {
  return {tensor.getName(), to_dtype(tensor.getType(), tensor.getName()), true, to_shape(tensor.getDimensions())};
}

std::string reasons_of(const nvonnxparser::IParser& parser) {
  std::string text;
  for (int i = 0; i < std::min(parser.getNbErrors(), kMostReasons); ++i) {
    const nvonnxparser::IParserError& error = *parser.getError(i);
    const std::string node = error.nodeName() ? error.nodeName() : "",
                      kind = error.nodeOperator() ? error.nodeOperator() : "";
    text += (i ? "; " : "") + (node.empty() ? "" : kind + " \"" + node + "\": ") + error.desc();
  }
  return text.empty() ? logger().take_errors() : text;
}

/// Version 10 lets the builder choose formats by flags; a strongly typed network brings its own.
void set_precision(nvinfer1::IBuilderConfig& config, const BuildSettings& settings) {
  // TensorRT's default would compute fp32 products in TF32.
  if (settings.tf32)
    config.setFlag(BuilderFlag::kTF32);
  else
    config.clearFlag(BuilderFlag::kTF32);
#if NV_TENSORRT_MAJOR < 11
  if (settings.strongly_typed) return;
  if (settings.precision == FOVEA_FP16_PRODUCTS) config.setFlag(BuilderFlag::kFP16);
  if (settings.precision == FOVEA_BF16_PRODUCTS) config.setFlag(BuilderFlag::kBF16);
  if (settings.precision == FOVEA_INT8_PRODUCTS) config.setFlag(BuilderFlag::kINT8);
#endif
}

}  // namespace

ParsedModel::ParsedModel(const std::string& path, const BuildSettings& settings)
    : settings_(settings), builder_(tensorrt().make_builder()) {
  uint32_t flags = 0;
#if NV_TENSORRT_MAJOR < 11
  if (settings.strongly_typed)
    flags = 1U << static_cast<uint32_t>(nvinfer1::NetworkDefinitionCreationFlag::kSTRONGLY_TYPED);
#endif
  network_ = made_or_fail(builder_->createNetworkV2(flags), "a network");
  parser_ = tensorrt().make_parser(*network_);
  // By its path, so that external data is found beside it.
  if (!parser_->parseFromFile(path.c_str(), static_cast<int>(nvinfer1::ILogger::Severity::kWARNING)))
    fail(FOVEA_UNSUPPORTED, "TensorRT cannot take the model: " + reasons_of(*parser_),
         "onnxruntime:tensorrt runs what TensorRT lacks elsewhere");
  for (int i = 0; i < network_->getNbInputs(); ++i) {
    const nvinfer1::ITensor& input = *network_->getInput(i);
    if (input.isShapeTensor())
      fail(FOVEA_UNSUPPORTED, "the input \"" + std::string(input.getName()) + "\" decides about shapes",
           "fix its value in the model");
    inputs_.push_back(to_port(input));
  }
  for (int i = 0; i < network_->getNbOutputs(); ++i) outputs_.push_back(to_port(*network_->getOutput(i)));
  check_types();
}

void ParsedModel::check_types() const {
  using nvinfer1::DataType;
  bool half = false, brain = false, quantized = false;
  for (int i = 0; i < network_->getNbLayers(); ++i) {
    const nvinfer1::ILayer& layer = *network_->getLayer(i);
    quantized |= layer.getType() == nvinfer1::LayerType::kQUANTIZE;
    for (int o = 0; o < layer.getNbOutputs(); ++o) {
      if (!layer.getOutput(o)) continue;
      half |= layer.getOutput(o)->getType() == DataType::kHALF;
      brain |= layer.getOutput(o)->getType() == DataType::kBF16;
    }
  }
  if (settings_.precision == FOVEA_INT8_PRODUCTS && !quantized)
    fail(FOVEA_INVALID_ARGUMENT, "the model is not quantized",
         "give a model with QuantizeLinear and DequantizeLinear nodes");
  if (!settings_.strongly_typed) return;
  const bool has = settings_.precision == FOVEA_FP16_PRODUCTS   ? half
                   : settings_.precision == FOVEA_BF16_PRODUCTS ? brain
                                                                : !half && !brain;
  if (!has)
    fail(FOVEA_INVALID_ARGUMENT,
         "a strongly typed network computes in the formats of the model, and this model's are not " +
             std::string(name_of_precision(settings_.precision)),
         "export the model in that format" +
             std::string(NV_TENSORRT_MAJOR < 11 ? ", or leave out -O strongly_typed" : ""));
}

bool ParsedModel::is_covered(const Profile& profile) const {
  return std::ranges::all_of(inputs_, [&](const Port& input) {
    return std::ranges::find(input.shape, -1) == input.shape.end() || profile.contains(input.name);
  });
}

void ParsedModel::add_profile(nvinfer1::IBuilderConfig& config, const Profile& profile) const {
  for (const auto& [name, range] : profile)
    if (std::ranges::find(inputs_, name, &Port::name) == inputs_.end())
      fail(FOVEA_INVALID_ARGUMENT, "the model has no input \"" + name + "\" to give shapes to",
           "fovea inspect lists its inputs");
  bool is_needed = false;
  nvinfer1::IOptimizationProfile& made = *builder_->createOptimizationProfile();  // the builder's own
  for (const Port& input : inputs_) {
    if (std::ranges::find(input.shape, -1) == input.shape.end()) continue;
    const ShapeRange& range = profile.at(input.name);
    using nvinfer1::OptProfileSelector;
    if (!made.setDimensions(input.name.c_str(), OptProfileSelector::kMIN, to_dims(range.min)) ||
        !made.setDimensions(input.name.c_str(), OptProfileSelector::kOPT, to_dims(range.opt)) ||
        !made.setDimensions(input.name.c_str(), OptProfileSelector::kMAX, to_dims(range.max)))
      fail(FOVEA_INVALID_ARGUMENT, "TensorRT refuses the shapes of \"" + input.name + "\": " + logger().take_errors(),
           "give shapes that fit " + to_text(input.shape));
    is_needed = true;
  }
  if (is_needed && config.addOptimizationProfile(&made) < 0)
    fail(FOVEA_INVALID_ARGUMENT, "TensorRT refuses these shapes: " + logger().take_errors(),
         "give the least, the usual and the largest shape in that order");
}

std::vector<char> ParsedModel::build(const Profile& profile, std::vector<char>& timings) const {
  const auto config = made_or_fail(builder_->createBuilderConfig(), "a configuration");
  set_precision(*config, settings_);
  if (settings_.optimization_level >= 0) config->setBuilderOptimizationLevel(settings_.optimization_level);
  if (settings_.workspace >= 0)
    config->setMemoryPoolLimit(nvinfer1::MemoryPoolType::kWORKSPACE, static_cast<size_t>(settings_.workspace));
  add_profile(*config, profile);
  // A cache of another GPU or version is refused, and an empty one taken instead.
  std::unique_ptr<nvinfer1::ITimingCache> measured(config->createTimingCache(timings.data(), timings.size()));
  if (!measured || !config->setTimingCache(*measured, false)) {
    measured.reset(config->createTimingCache(nullptr, 0));
    if (measured) config->setTimingCache(*measured, true);
  }
  const std::unique_ptr<nvinfer1::IHostMemory> plan(builder_->buildSerializedNetwork(*network_, *config));
  if (!plan)
    fail(FOVEA_UNSUPPORTED, "TensorRT cannot build the model: " + logger().take_errors(),
         "onnxruntime:tensorrt runs what TensorRT lacks elsewhere");
  if (const nvinfer1::ITimingCache* now = config->getTimingCache()) {
    const std::unique_ptr<nvinfer1::IHostMemory> saved(now->serialize());
    if (saved)
      timings.assign(static_cast<const char*>(saved->data()), static_cast<const char*>(saved->data()) + saved->size());
  }
  const auto* bytes = static_cast<const char*>(plan->data());
  return {bytes, bytes + plan->size()};
}

}  // namespace fovea::plugin
