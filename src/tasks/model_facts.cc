#include "tasks/model_facts.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/evaluate.h"
#include "ops/operator.h"
#include "tasks/baked_note.h"

namespace fovea::tasks {
namespace {

using Channels = std::array<double, 3>;

/// Small constants only: means and deviations, the axes of an Unsqueeze.
constexpr int64_t kMaxElements = 16;
constexpr int kMaxDepth = 8;

/// The value where it is a constant, or follows from small constants alone (old exporters reshape the mean in the
/// graph).
std::optional<Tensor> small_constant(const Graph& graph, ValueId id, int depth = 0) {
  if (id == kNoValue || depth > kMaxDepth) return std::nullopt;
  const Value& value = graph.value(id);
  if (value.constant) return value.constant->size() <= kMaxElements ? value.constant : std::nullopt;
  if (value.producer == kNoNode) return std::nullopt;
  const Node& node = graph.node(value.producer);
  if (!node.captures.empty() || node.outputs.size() != 1 || node.inputs.size() > 4) return std::nullopt;
  std::vector<Tensor> operands;
  for (ValueId input : node.inputs) {
    auto operand = small_constant(graph, input, depth + 1);
    if (!operand) return std::nullopt;
    operands.push_back(std::move(*operand));
  }
  const auto op = ops::parse_operator(node);
  if (!op.ok()) return std::nullopt;
  std::vector<const Tensor*> pointers;
  for (const Tensor& operand : operands) pointers.push_back(&operand);
  auto result = ops::evaluate(**op, pointers, 1);
  if (!result.ok() || (*result)[0].size() > kMaxElements) return std::nullopt;
  return (*result)[0];
}

double element(const Tensor& tensor, int64_t i) {
  switch (tensor.dtype()) {
    case DType::f32: return tensor.data<float>()[i];
    case DType::f64: return tensor.data<double>()[i];
    case DType::f16: return static_cast<float>(tensor.data<f16>()[i]);
    case DType::bf16: return static_cast<float>(tensor.data<bf16>()[i]);
    default: return std::nan("");
  }
}

/// One number for all channels, or one for each.
std::optional<Channels> per_channel(const Graph& graph, ValueId id) {
  const auto constant = small_constant(graph, id);
  if (!constant || !is_float(constant->dtype())) return std::nullopt;
  if (constant->size() != 1 && constant->size() != 3) return std::nullopt;
  Channels values;
  for (int64_t c = 0; c < 3; ++c) values[static_cast<size_t>(c)] = element(*constant, constant->size() == 1 ? 0 : c);
  return values;
}

/// What the first nodes make of a pixel x: gain * x + offset.
struct Affine {
  Channels gain = {1, 1, 1}, offset = {0, 0, 0};
};

/// Applies the node if it is arithmetic with a constant. False: it is something else.
bool compose(const Graph& graph, const Node& node, ValueId input, Affine& affine) {
  if (node.inputs.size() != 2) return false;
  const bool first = node.inputs[0] == input;
  const auto constant = per_channel(graph, node.inputs[first ? 1 : 0]);
  if (!constant) return false;
  for (size_t c = 0; c < 3; ++c) {
    const double k = (*constant)[c];
    if (node.is("Add")) {
      affine.offset[c] += k;
    } else if (node.is("Mul")) {
      affine.gain[c] *= k;
      affine.offset[c] *= k;
    } else if (node.is("Sub") && first) {
      affine.offset[c] -= k;
    } else if (node.is("Div") && first && k != 0) {
      affine.gain[c] /= k;
      affine.offset[c] /= k;
    } else {
      return false;
    }
  }
  return true;
}

/// The arithmetic between the input and the first node that mixes pixels.
Affine leading_arithmetic(const Graph& graph, ValueId input) {
  Affine affine;
  constexpr int kLongest = 16;
  for (int step = 0; step < kLongest; ++step) {
    const auto& users = graph.users(input);
    if (users.size() != 1) break;
    const Node& node = graph.node(users[0]);
    if (node.outputs.size() != 1 || !node.captures.empty()) break;
    if (!node.is("Cast") && !node.is("Transpose") && !node.is("Identity") && !compose(graph, node, input, affine))
      break;
    input = node.outputs[0];
  }
  return affine;
}

/// Pixels of 0 to 255 need a gain near 1/255 times 1/std, those of 0 to 1 one of 1/std: std lies between 0.05 and 0.67
/// in every recipe. What fits neither is not taken for a normalisation: it may well follow one (torchvision's
/// transform_input has gains of 0.45).
PixelRange range_of(const Affine& affine) {
  const auto all = [&](auto condition) {
    for (size_t c = 0; c < 3; ++c)
      if (!condition(affine.gain[c], -affine.offset[c] / affine.gain[c])) return false;
    return true;
  };
  if (all([](double gain, double mean) { return gain >= 0.9 / 255 && gain <= 20.0 / 255 && mean >= 0 && mean <= 255; }))
    return PixelRange::bytes;
  if (all([](double gain, double mean) { return gain == 1 && mean > 16 && mean < 240; }))
    return PixelRange::bytes;  // Caffe's way: the mean alone
  if (all([](double gain, double mean) { return gain >= 1.5 && gain <= 20 && mean > 0 && mean <= 1; }))
    return PixelRange::unit;
  return PixelRange::normalized;
}

std::optional<int64_t> known(const Dim& dim) { return dim.known() ? std::optional(dim.value) : std::nullopt; }

std::optional<image::Layout> layout_of(const std::vector<Dim>& shape) {
  const bool channels_first = shape[1].value == 3, channels_last = shape[3].value == 3;
  if (channels_first) return image::Layout::nchw;
  if (channels_last) return image::Layout::nhwc;
  if (!shape[1].known()) return image::Layout::nchw;
  return std::nullopt;
}

}  // namespace

Result<InputFacts> examine_input(const Graph& graph) {
  std::vector<ValueId> fed;
  for (ValueId id : graph.inputs)
    if (!graph.constant(id)) fed.push_back(id);
  if (fed.size() != 1)
    return unsupported("the model has {} inputs, a photo goes into one", fed.size())
        .with_fix("use fovea run, which feeds any tensors");
  const Value& value = graph.value(fed[0]);
  const auto refuse = [&](std::string_view why) {
    return unsupported("the input \"{}\" is {}: {}", value.name, to_string(value.type), why)
        .with_fix("use fovea run, which feeds any tensors");
  };
  InputFacts facts;
  facts.name = value.name;
  facts.dtype = value.type.dtype.value_or(DType::f32);
  if (facts.dtype != DType::u8 && !is_float(facts.dtype)) return refuse("photos become floats or u8");
  if (value.type.shape) {
    const auto& shape = *value.type.shape;
    if (shape.size() != 4) return refuse("a photo needs four dimensions, batch, channels, height and width");
    const auto layout = layout_of(shape);
    if (!layout) return refuse("a photo has 3 channels");
    const bool nchw = *layout == image::Layout::nchw;
    facts.layout = *layout;
    facts.batch = known(shape[0]);
    facts.height = known(shape[nchw ? 2 : 1]);
    facts.width = known(shape[nchw ? 3 : 2]);
    if (facts.batch == 0 || facts.height == 0 || facts.width == 0) return refuse("it holds nothing");
  }
  if (const auto note = FOVEA_TRY(read_baked_note(graph.metadata))) {
    facts.baked = true;
    facts.order = note->order;
  }
  facts.range = facts.dtype == DType::u8 ? PixelRange::bytes : range_of(leading_arithmetic(graph, fed[0]));
  return facts;
}

namespace {

/// The number of classes of an output {batch, classes}, also with two dimensions of 1 beside; nothing where the
/// shape is unknown. False: the shape is known and is no such.
bool fits_scores(const ValueType& type, std::optional<int64_t>& classes) {
  if (!type.shape) return true;
  const auto& shape = *type.shape;
  if (shape.size() == 2) {
    classes = known(shape[1]);
    return true;
  }
  if (shape.size() != 4) return false;
  if (shape[2].value == 1 && shape[3].value == 1) classes = known(shape[1]);
  if (shape[1].value == 1 && shape[2].value == 1) classes = known(shape[3]);
  return classes.has_value();
}

Activation activation_before(const Graph& graph, ValueId id) {
  constexpr std::string_view kTransparent[] = {"Identity", "Cast", "Reshape", "Flatten", "Squeeze"};
  constexpr int kLongest = 8;
  for (int step = 0; step < kLongest; ++step) {
    const NodeId producer = graph.value(id).producer;
    if (producer == kNoNode) return Activation::none;
    const Node& node = graph.node(producer);
    if (node.is("Softmax")) return Activation::softmax;
    if (node.is("Sigmoid")) return Activation::sigmoid;
    if (!node.domain.empty() || std::ranges::find(kTransparent, node.op_type) == std::ranges::end(kTransparent))
      return Activation::none;
    if (node.inputs.empty() || node.inputs[0] == kNoValue) return Activation::none;
    id = node.inputs[0];
  }
  return Activation::none;
}

/// The two outputs that `fovea bake --top-k` makes, where it was used.
Result<std::optional<OutputFacts>> examine_top_k(const Graph& graph) {
  const auto note = FOVEA_TRY(read_baked_note(graph.metadata));
  if (!note || !note->top_k) return std::optional<OutputFacts>();
  if (graph.outputs.size() != 2)
    return invalid_model("the model notes that it chooses its best classes, but has {} outputs", graph.outputs.size());
  OutputFacts facts;
  facts.index = 1;
  facts.name = graph.value(graph.outputs[1]).name;
  facts.classes = note->classes;
  facts.activation = Activation::softmax;
  facts.indices = 0;
  return std::optional(facts);
}

Result<OutputFacts> examine_output(const Graph& graph) {
  if (auto best = FOVEA_TRY(examine_top_k(graph))) return *std::move(best);
  std::optional<OutputFacts> chosen;
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    const Value& value = graph.value(graph.outputs[i]);
    OutputFacts facts;
    facts.index = i;
    facts.name = value.name;
    if (!fits_scores(value.type, facts.classes)) continue;
    if (!chosen || value.name == "logits") chosen = facts;  // transformers' exports have other outputs beside it
  }
  if (!chosen)
    return unsupported("no output has one score a class")
        .with_fix("use fovea run, which writes whatever the model answers");
  chosen->activation = activation_before(graph, graph.outputs[chosen->index]);
  return *chosen;
}

}  // namespace

Result<ModelFacts> examine(const Graph& graph) {
  ModelFacts facts;
  facts.input = FOVEA_TRY(examine_input(graph));
  facts.output = FOVEA_TRY(examine_output(graph));
  return facts;
}

}  // namespace fovea::tasks
