#include "cpu/plan_image.h"

#include <map>

#include "base/error.h"
#include "cpu/absent_weights.h"
#include "cpu/byte_stream.h"
#include "cpu/graph_codec.h"

namespace fovea::cpu {
namespace {

/// The constants of all graphs of an image: elements among the tensors, or types alone.
class ConstantTable {
 public:
  uint64_t stored(const Tensor& tensor) {
    const auto [it, is_new] = numbers_.try_emplace({tensor.identity(), to_string(tensor.type())}, entries_.size());
    if (is_new) entries_.push_back({tensor.type(), tensor_number(tensor)});
    return it->second;
  }
  uint64_t absent(const TensorType& type) {
    entries_.push_back({type, std::nullopt});
    return entries_.size() - 1;
  }
  uint64_t tensor_number(const Tensor& tensor) {
    const auto [it, is_new] = tensors_.try_emplace({tensor.identity(), to_string(tensor.type())}, list_.size());
    if (is_new) list_.push_back(tensor);
    return it->second;
  }

  void write(ByteWriter& out) const {
    out.number(entries_.size());
    for (const Entry& entry : entries_) {
      out.number(entry.tensor ? 1 + *entry.tensor : 0);
      if (!entry.tensor) out.type(entry.type);
    }
  }
  std::vector<Tensor> take_tensors() && { return std::move(list_); }

 private:
  struct Entry {
    TensorType type;
    std::optional<uint64_t> tensor;
  };
  std::vector<Entry> entries_;
  std::map<std::pair<const void*, std::string>, uint64_t> numbers_, tensors_;
  std::vector<Tensor> list_;
};

/// Whether each value has the type that its node gives it: kernels rely on that.
Result<void> check_types(const Graph& graph) {
  const auto type_of = [&](ValueId v) { return graph.value(v).type.concrete(); };
  for (ValueId v : passes::fed_inputs(graph))
    if (!type_of(v)) return invalid_model("the input \"{}\" has no size", graph.value(v).name);
  for (NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    const auto check = [&]() -> Result<void> {
      const auto op = FOVEA_TRY(ops::parse_operator(node));
      std::vector<ops::Inputs::Input> inputs(node.inputs.size());
      for (size_t i = 0; i < inputs.size(); ++i)
        if (const ValueId v = node.inputs[i]; v != kNoValue) {
          auto type = type_of(v);
          if (!type) return invalid_model("the size of \"{}\" is not known", graph.value(v).name);
          inputs[i] = {std::move(*type), graph.constant(v), true};
        }
      const ops::Types types = FOVEA_TRY(op->infer(ops::Inputs(inputs, node.outputs.size())));
      for (size_t i = 0; i < node.outputs.size(); ++i)
        if (const ValueId v = node.outputs[i]; v != kNoValue)
          if (i >= types.size() || type_of(v) != types[i])
            return invalid_model("\"{}\" is {}, but the node makes {}", graph.value(v).name,
                                 to_string(graph.value(v).type), i < types.size() ? to_string(types[i]) : "nothing");
      return {};
    };
    FOVEA_TRY_AT(node.label(graph), check());
  }
  return {};
}

/// Whether a plan for one image may take so many.
Result<void> check_images(const Graph& graph, uint64_t images) {
  const auto bad = [&](ValueId v) {
    const auto type = graph.value(v).type.concrete();
    return !type || type->shape.empty() || type->shape[0] > (int64_t{1} << 32);
  };
  if (images < 1 || images > Plan::kMostImages) return invalid_model("a plan for {} images", images);
  if (images > 1 && (std::ranges::any_of(passes::fed_inputs(graph), bad) || std::ranges::any_of(graph.outputs, bad)))
    return invalid_model("a plan for {} images whose inputs or outputs do not count them", images);
  return {};
}

void write_plan(ByteWriter& out, const Plan& plan, ConstantTable& constants) {
  const Graph& graph = plan.graph();
  std::map<ValueId, uint64_t> numbers;
  for (ValueId v : plan.dropped()) numbers[v] = constants.absent(*graph.value(v).type.concrete());
  const auto number = [&](ValueId v, const Tensor& constant) {
    const uint64_t n = constants.stored(constant);
    numbers[v] = n;
    return n;
  };
  const auto dropped = [&](ValueId v) -> std::optional<uint64_t> {
    const auto it = numbers.find(v);
    return it == numbers.end() ? std::nullopt : std::optional(it->second);
  };
  out.number(static_cast<uint64_t>(plan.images()));
  write_graph(out, graph, number, nullptr, dropped);
  out.number(plan.packed().size());
  for (const Plan::Packed& packed : plan.packed()) {
    out.number(numbers.at(packed.source));
    out.text(packed.recipe);
    out.number(constants.tensor_number(packed.packed));
  }
  out.number(plan.choices().size());
  for (const auto& [key, name] : plan.choices()) {
    out.text(key);
    out.text(name);
  }
}

}  // namespace

Result<Image> make_image(const Graph& model, std::span<const std::shared_ptr<const Plan>> plans) {
  ConstantTable constants;
  ByteWriter graphs;
  write_graph(graphs, model, [&](ValueId, const Tensor& constant) {
    return constant.bytes() > kSmallConstant ? constants.absent(constant.type()) : constants.stored(constant);
  });
  graphs.number(plans.size());
  for (const auto& plan : plans) {
    if (const auto checked = check_types(plan->graph()); !checked.ok())
      return internal("a pass left a wrong type: {}", checked.error().message).at(checked.error().where);
    write_plan(graphs, *plan, constants);
  }
  ByteWriter out;
  constants.write(out);
  const std::vector<std::byte> bytes = std::move(graphs).take();
  out.append(bytes.data(), bytes.size());
  return Image{std::move(out).take(), std::move(constants).take_tensors()};
}

Result<Loaded> load_image(const EngineFile& file, WeightStore& store, const EngineOptions& options) {
  ByteReader in(file.body());
  const auto tensors = file.tensors();
  const auto tensor_at = [&](uint64_t i) -> Result<Tensor> {
    if (i >= tensors.size()) return invalid_model("the engine file has no tensor {}", i);
    return tensors[i];
  };
  std::vector<Tensor> constants(FOVEA_TRY(in.count()));
  for (Tensor& constant : constants) {
    const uint64_t tensor = FOVEA_TRY(in.number());
    if (tensor > 0)
      constant = FOVEA_TRY(tensor_at(tensor - 1));
    else
      constant = FOVEA_TRY(absent_tensor(FOVEA_TRY(in.type())));
  }
  const auto find = [&](uint64_t i) -> Result<Tensor> {
    if (i >= constants.size()) return invalid_model("the engine file has no constant {}", i);
    return constants[i];
  };

  Loaded loaded;
  loaded.model = FOVEA_TRY(read_graph(in, find));
  const size_t plans = FOVEA_TRY(in.count());
  for (size_t p = 0; p < plans; ++p) {
    const uint64_t images = FOVEA_TRY(in.number());
    Graph graph = FOVEA_TRY(read_graph(in, find));
    FOVEA_TRY(check_types(graph));
    FOVEA_TRY(check_images(graph, images));
    std::map<WeightKey, Tensor> packed;
    const size_t entries = FOVEA_TRY(in.count(3));
    for (size_t i = 0; i < entries; ++i) {
      const Tensor source = FOVEA_TRY(find(FOVEA_TRY(in.number())));
      const std::string recipe = FOVEA_TRY(in.text());
      packed[weight_key(source, recipe)] = FOVEA_TRY(tensor_at(FOVEA_TRY(in.number())));
    }
    Choices choices;
    const size_t chosen = FOVEA_TRY(in.count(2));
    for (size_t i = 0; i < chosen; ++i) {
      std::string key = FOVEA_TRY(in.text());
      choices[std::move(key)] = FOVEA_TRY(in.text());
    }
    PackedWeights weights(store, std::move(packed));
    EngineOptions recorded = options;  // nothing is measured: the file says what was chosen
    recorded.tuner = choices.empty() ? nullptr : std::make_shared<RecordedChoices>(std::move(choices));
    loaded.plans.push_back(
        FOVEA_TRY(Plan::make(std::move(graph), {}, weights, recorded, static_cast<int64_t>(images))));
  }
  if (in.rest() > 0) return invalid_model("the engine file has {} bytes too many", in.rest());
  return loaded;
}

}  // namespace fovea::cpu
