#include "pipeline/bake/bake.h"

#include <algorithm>

#include "base/error.h"
#include "passes/raise_opset.h"
#include "tasks/baked_note.h"

namespace fovea::pipeline {
namespace {

using image::ChannelOrder;
using image::CropRule;
using image::Layout;

constexpr int kLeastOpset = 13, kAntialiasOpset = 18;

/// Whether Resize itself does it.
bool uses_operator(const image::TransformSpec& spec, BakeResize how) {
  return how != BakeResize::matmul && !needs_matmul(spec.interpolation) &&
         spec.interpolation != image::Interpolation::nearest && spec.resize_rule != image::ResizeRule::none;
}

class Baker {
 public:
  Baker(const Graph& model, const tasks::Recipe& recipe, const BakeOptions& options, int opset)
      : options_(options),
        recipe_(recipe),
        spec_(recipe.transform),
        graph_(model),
        b_(graph_, opset),
        input_(*graph_.find_value(recipe.facts.input.name)) {}

  Result<Graph> bake() {
    const ValueId photo = add_photo();
    ValueId nchw = photo;
    if (options_.resize == BakeResize::matmul) nchw = b_.cast(nchw, DType::f32);  // TensorRT takes bytes to a Cast only
    if (options_.layout == Layout::nhwc) nchw = b_.transpose(nchw, {0, 3, 1, 2});
    const Extents from = photo_size(photo);
    const Extents size = resized(b_, spec_, from);
    Window rows{b_.integer(0), size.height}, columns{b_.integer(0), size.width};
    if (spec_.crop_rule != CropRule::none) {
      rows = window(b_, spec_.crop_rule, size.height, spec_.crop.height, may_pad(spec_));
      columns = window(b_, spec_.crop_rule, size.width, spec_.crop.width, may_pad(spec_));
    }
    ValueId x = FOVEA_TRY(resize_and_crop(b_, options_.resize, spec_.interpolation, nchw, from, size, rows, columns));
    if (options_.order != spec_.order) x = b_.make("Gather", {x, b_.integers({2, 1, 0})}, {{"axis", int64_t{1}}});
    if (rows.before != kNoValue) x = pad(x, rows, columns);
    x = fix_shape(normalize(x));
    if (recipe_.facts.input.dtype != DType::f32) x = b_.cast(x, recipe_.facts.input.dtype);
    if (spec_.layout == Layout::nhwc) x = b_.transpose(x, {0, 2, 3, 1});
    graph_.set_type(x, graph_.value(input_).type);
    graph_.replace_uses(input_, x);
    std::ranges::replace(graph_.inputs, input_, photo);
    if (options_.top_k) rank();
    graph_.remove_dead_nodes();
    FOVEA_TRY(graph_.sort());
    return std::move(graph_);
  }

 private:
  ValueId add_photo() {
    Dim batch{-1, "batch"}, height{-1, "photo_height"}, width{-1, "photo_width"};
    if (const auto& shape = graph_.value(input_).type.shape; shape && !shape->empty()) batch = shape->front();
    if (options_.photo) height = {options_.photo->height, {}}, width = {options_.photo->width, {}};
    const std::vector<Dim> shape = options_.layout == Layout::nhwc ? std::vector<Dim>{batch, height, width, {3, {}}}
                                                                   : std::vector<Dim>{batch, {3, {}}, height, width};
    return graph_.add_value("photo", {DType::u8, shape});
  }

  Extents photo_size(ValueId photo) {
    if (options_.photo) return {b_.integer(options_.photo->height), b_.integer(options_.photo->width)};
    const ValueId shape = b_.make("Shape", {photo});
    const int64_t height = options_.layout == Layout::nhwc ? 1 : 2;
    const auto extent = [&](int64_t at) { return b_.make("Gather", {shape, b_.integer(at)}); };
    return {extent(height), extent(height + 1)};
  }

  /// With zeros around what the padding's colour is taken from, so that each channel has its own.
  ValueId pad(ValueId x, const Window& rows, const Window& columns) {
    const ValueId sides[] = {rows.before, columns.before, rows.after, columns.after};
    if (std::ranges::all_of(sides, [&](ValueId side) { return b_.known(side) == 0; })) return x;
    const ValueId zeros = b_.integers({0, 0});
    const ValueId pads = b_.concat({zeros, sides[0], sides[1], zeros, sides[2], sides[3]});
    std::vector<float> fill(spec_.fill.begin(), spec_.fill.end());
    if (spec_.order == ChannelOrder::bgr) std::ranges::reverse(fill);
    const bool coloured = std::ranges::any_of(fill, [](float level) { return level != 0; });
    const ValueId colour = coloured ? b_.floats(fill, {1, 3, 1, 1}) : kNoValue;
    if (coloured) x = b_.sub(x, colour);
    x = b_.make("Pad", {x, pads});
    return coloured ? b_.add(x, colour) : x;
  }

  /// In the steps of torchvision and of transformers, each rounded to f32: the values are the same bit for bit.
  ValueId normalize(ValueId x) {
    const auto channels = [&](const std::array<double, 3>& values) {
      return b_.floats({static_cast<float>(values[0]), static_cast<float>(values[1]), static_cast<float>(values[2])},
                       {1, 3, 1, 1});
    };
    if (recipe_.facts.input.dtype == DType::u8) return x;
    if (!spec_.rescale) x = b_.div(x, b_.number(255));
    if (spec_.rescale && *spec_.rescale != 1) x = b_.mul(x, b_.number(static_cast<float>(*spec_.rescale)));
    if (spec_.mean != tasks::Rgb{0, 0, 0}) x = b_.sub(x, channels(spec_.mean));
    if (spec_.std != tasks::Rgb{1, 1, 1}) x = b_.div(x, channels(spec_.std));
    return x;
  }

  /// Says the size that follows from the crop aloud: runtimes plan better for extents that they know.
  ValueId fix_shape(ValueId x) {
    std::optional<image::Size> size;
    if (spec_.crop_rule != CropRule::none)
      size = spec_.crop;
    else if (spec_.resize_rule == image::ResizeRule::exact && spec_.divisor == 1)
      size = spec_.resize;
    return size ? b_.make("Reshape", {x, b_.integers({-1, 3, size->height, size->width})}) : x;
  }

  void rank() {
    const tasks::OutputFacts& facts = recipe_.facts.output;
    ValueId scores = graph_.outputs[facts.index];
    const ValueType type = graph_.value(scores).type;
    if (type.dtype != DType::f32) scores = b_.cast(scores, DType::f32);
    if (!type.shape || type.shape->size() != 2) scores = b_.make("Flatten", {scores}, {{"axis", int64_t{1}}});
    if (facts.activation == tasks::Activation::none) scores = b_.make("Softmax", {scores}, {{"axis", int64_t{-1}}});
    const auto best = b_.make_many("TopK", {scores, b_.integer(*options_.top_k)}, 2, {{"axis", int64_t{-1}}});
    const std::vector<Dim> shape = {type.shape && !type.shape->empty() ? type.shape->front() : Dim{},
                                    {*options_.top_k, {}}};
    graph_.outputs = {named("indices", best[1], {DType::i64, shape}),
                      named("probabilities", best[0], {DType::f32, shape})};
  }

  ValueId named(std::string_view name, ValueId x, ValueType type) {
    const ValueId output = graph_.add_value(name, std::move(type));
    Node identity;
    identity.op_type = "Identity";
    identity.opset = graph_.node(graph_.value(x).producer).opset;
    identity.name = "fovea/bake/" + std::string(name);
    identity.inputs = {x};
    identity.outputs = {output};
    graph_.add_node(std::move(identity));
    return output;
  }

  const BakeOptions& options_;
  const tasks::Recipe& recipe_;
  const image::TransformSpec& spec_;
  Graph graph_;
  Builder b_;
  ValueId input_;
};

Result<void> check(const Graph& model, const tasks::Recipe& recipe, const BakeOptions& options) {
  if (model.metadata.contains(tasks::kBakedKey))
    return invalid_argument("the model is baked already: it takes photos as they are")
        .with_fix("bake the model that it was made from");
  if (recipe.apply_orientation)
    return invalid_argument("the orientation of a photo is in its file, which the graph does not see")
        .with_fix("leave --exif-orientation out, and turn photos before they are fed");
  const auto classes = recipe.facts.output.classes;
  if (options.top_k && (*options.top_k < 1 || (classes && *options.top_k > *classes)))
    return invalid_argument("the best {} of {} classes", *options.top_k, classes.value_or(0))
        .with_fix("give --top-k a number that the model has");
  const auto transform = FOVEA_TRY(image::Transform::create(recipe.transform));
  if (options.photo) FOVEA_TRY(transform.output_size(*options.photo));
  return {};
}

}  // namespace

Result<Baked> bake(const Graph& model, const tasks::Recipe& recipe, const BakeOptions& options) {
  FOVEA_TRY(check(model, recipe, options));
  Baked baked;
  BakeOptions used = options;
  if (needs_matmul(recipe.transform.interpolation) && options.resize != BakeResize::matmul) {
    used.resize = BakeResize::matmul;
    baked.notes.push_back(fmt::format("ONNX's Resize has no filter {}: photos are resized by products of matrices",
                                      image::name_of(recipe.transform.interpolation)));
  }
  const int least = uses_operator(recipe.transform, used.resize) ? kAntialiasOpset : kLeastOpset;
  const int before = passes::highest_opset(model), opset = std::max(least, before);
  Graph raised = model;
  FOVEA_TRY(passes::raise_opset(raised, opset));
  if (before < opset) baked.notes.push_back(fmt::format("the model was raised from opset {} to {}", before, opset));
  baked.graph = FOVEA_TRY(Baker(raised, recipe, used, opset).bake());
  baked.graph.metadata.erase("fovea.recipe");
  tasks::BakedNote note;
  note.recipe = tasks::describe(recipe.transform);
  note.resize = name_of(used.resize);
  note.order = options.order;
  note.top_k = options.top_k;
  if (options.top_k) note.classes = recipe.facts.output.classes;
  baked.graph.metadata[tasks::kBakedKey] = tasks::to_json(note);
  return baked;
}

}  // namespace fovea::pipeline
