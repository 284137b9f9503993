#include "cpu/plan.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

#include "base/error.h"
#include "cpu/lower.h"
#include "cpu/memory_plan.h"
#include "cpu/narrow.h"

namespace fovea::cpu {
namespace {

size_t at(ValueId id) { return static_cast<size_t>(id); }

int64_t bytes_of(const TensorType& type) {
  return element_count(type.shape) * static_cast<int64_t>(size_of(type.dtype));
}

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

/// Makes a plan: steps, then views and lifetimes, then places.
class PlanMaker {
 public:
  PlanMaker(Graph graph, const EngineOptions& options, int64_t images, int threads) : options_(options) {
    plan_->graph_ = std::move(graph);
    plan_->images_ = images;
    plan_->threads_ = std::max(threads, 1);
    static std::atomic<uint64_t> serial{0};
    plan_->serial_ = ++serial;
    const size_t slots = plan_->graph_.value_slots();
    types_.resize(slots);
    root_.resize(slots);
    offset_.assign(slots, 0);
    has_packed_.assign(slots, false);
    read_directly_.assign(slots, false);
    for (size_t v = 0; v < slots; ++v) {
      if (auto type = plan_->graph_.value(static_cast<ValueId>(v)).type.concrete()) types_[v] = std::move(*type);
      root_[v] = static_cast<ValueId>(v);
    }
  }

  Result<std::unique_ptr<const Plan>> make(const passes::Operators& operators, PackedWeights& weights) {
    FOVEA_TRY(make_steps(operators, weights));
    if (weights.missing())
      return invalid_model("the engine file lacks weights that its plan needs").with_fix("compile the model again");
    drop_packed_sources();
    weights.finish(plan_->threads_);
    find_lifetimes();
    place_fixed();
    FOVEA_TRY(place_in_arena());
    resolve_views();
    return std::unique_ptr<const Plan>(std::move(plan_));
  }

 private:
  const Graph& graph() const { return plan_->graph_; }

  Result<void> make_steps(const passes::Operators& operators, PackedWeights& weights) {
    PlanTuning tuning;
    tuning.tuner = options_.tuner.get();
    std::vector<LowerNode> nodes;
    for (NodeId id : graph().order()) {
      const Node& node = graph().node(id);
      LowerNode lower{graph(), node, {}, {}, nullptr, weights, options_.threads, options_.precision};
      if (tuning.tuner != nullptr) lower.tuning = &tuning;
      const auto known = operators.find(id);
      if (known != operators.end())
        lower.op = known->second;
      else
        lower.op = FOVEA_TRY_AT(node.label(graph()), ops::parse_operator(node));
      set_types(lower);
      nodes.push_back(std::move(lower));
    }
    if (options_.fast_kernels && options_.precision == Precision::bf16) {
      const std::vector<bool> narrow = narrow_values(graph(), nodes);
      for (size_t v = 0; v < narrow.size(); ++v)
        if (narrow[v]) types_[v].dtype = DType::bf16;
      for (LowerNode& lower : nodes) set_types(lower);
    }
    for (size_t i = 0; i < nodes.size(); ++i) {
      const LowerNode& lower = nodes[i];
      weights.begin_step();
      if (options_.fast_kernels && make_view(lower)) {
        note_uses(lower.node, weights);
        continue;
      }
      const std::string label = lower.node.label(graph());
      tuning.made.clear();
      StepPtr step = FOVEA_TRY_AT(label, make_step(lower, options_.fast_kernels));
      note_uses(lower.node, weights);
      plan_->steps_.push_back({std::move(step), label, giga_macs(lower), tuning.made, 0});
      nodes_.push_back(graph().order()[i]);
    }
    plan_->choices_ = std::move(tuning.taken);
    return {};
  }

  void set_types(LowerNode& lower) const {
    const auto of = [&](ValueId v) { return v == kNoValue ? TensorType{} : types_[at(v)]; };
    lower.inputs.clear();
    lower.outputs.clear();
    for (ValueId v : lower.node.inputs) lower.inputs.push_back(of(v));
    for (ValueId v : lower.node.outputs) lower.outputs.push_back(of(v));
  }

  /// Which constants the node's step has in their packed form, and which it reads as they are.
  void note_uses(const Node& node, const PackedWeights& weights) {
    const auto note = [&](ValueId v, bool may_be_packed) {
      const Tensor* constant = graph().constant(v);
      if (constant == nullptr) return;
      bool packed = false;
      for (const PackedUse& use : weights.taken()) {
        if (!may_be_packed || use.key != weight_key(*constant, use.recipe)) continue;
        packed = true;
        const auto known = [&](const Plan::Packed& p) { return p.source == v && p.recipe == use.recipe; };
        if (std::ranges::none_of(plan_->packed_, known)) plan_->packed_.push_back({v, use.recipe, use.packed});
      }
      (packed ? has_packed_ : read_directly_)[at(v)] = true;
    };
    for (ValueId v : node.inputs) note(v, std::ranges::count(node.inputs, v) == 1);
    for (ValueId v : node.captures) note(v, false);
  }

  void drop_packed_sources() {
    for (size_t i = 0; i < has_packed_.size(); ++i) {
      const auto v = static_cast<ValueId>(i);
      if (!has_packed_[i] || read_directly_[i] || graph().is_output(v) ||
          std::ranges::find(graph().inputs, v) != graph().inputs.end())
        continue;
      plan_->graph_.clear_constant(v);
      plan_->dropped_.push_back(v);
    }
  }

  bool make_view(const LowerNode& node) {
    const auto offsets = view_offsets(node);
    if (!offsets) return false;
    for (size_t i = 0; i < node.node.outputs.size(); ++i) {
      const ValueId out = node.node.outputs[i];
      if (out == kNoValue) continue;
      root_[at(out)] = root_[at(node.in(0))];
      offset_[at(out)] = offset_[at(node.in(0))] + (*offsets)[i];
    }
    return true;
  }

  void find_lifetimes() {
    first_.assign(root_.size(), -1);
    last_.assign(root_.size(), -1);
    for (size_t s = 0; s < nodes_.size(); ++s) {
      const Node& node = graph().node(nodes_[s]);
      for (ValueId v : node.outputs)
        if (v != kNoValue) first_[at(v)] = last_[at(v)] = static_cast<int>(s);
      for (ValueId v : node.inputs)
        if (v != kNoValue) last_[at(root_[at(v)])] = static_cast<int>(s);
    }
  }

  void place_fixed() {
    auto& places = plan_->places_;
    places.resize(root_.size());
    for (size_t v = 0; v < root_.size(); ++v)
      if (graph().constant(static_cast<ValueId>(v))) places[v].home = Plan::Home::constant;
    const std::vector<ValueId> fed = passes::fed_inputs(graph());
    for (size_t i = 0; i < fed.size(); ++i) places[at(fed[i])] = {Plan::Home::input, i, 0};
    for (size_t j = 0; j < graph().outputs.size(); ++j) {
      const ValueId v = graph().outputs[j], root = root_[at(v)];
      Plan::Output output{v, types_[at(v)], false, j};
      for (size_t k = 0; k < j; ++k)
        if (graph().outputs[k] == v && output.same_as == j) output.same_as = k;
      // Computed where the caller gets it: what a step makes, whole.
      if (output.same_as == j && first_[at(root)] >= 0 && places[at(root)].home == Plan::Home::none &&
          offset_[at(v)] == 0 && bytes_of(types_[at(root)]) == bytes_of(output.type)) {
        places[at(root)] = {Plan::Home::output, j, 0};
        output.computed_in_place = true;
      } else {
        last_[at(root)] = static_cast<int>(nodes_.size());  // read when all steps are done
      }
      plan_->outputs_.push_back(std::move(output));
    }
  }

  Result<void> place_in_arena() {
    constexpr size_t kNone = static_cast<size_t>(-1);
    std::vector<Lifetime> buffers;
    std::vector<size_t> buffer_of(root_.size(), kNone), scratch_of(nodes_.size(), kNone);
    for (size_t s = 0; s < nodes_.size(); ++s) {
      const Node& node = graph().node(nodes_[s]);
      for (ValueId v : node.outputs) {
        if (v == kNoValue || plan_->places_[at(v)].home != Plan::Home::none) continue;
        const size_t reused = v == node.outputs[0] ? overwritten(s, node, buffer_of) : kNone;
        if (reused != kNone) {
          buffer_of[at(v)] = reused;
          buffers[reused].last = std::max(buffers[reused].last, last_[at(v)]);
        } else {
          buffer_of[at(v)] = buffers.size();
          buffers.push_back({bytes_of(types_[at(v)]), first_[at(v)], last_[at(v)]});
        }
      }
      if (const int64_t scratch = plan_->steps_[s].step->scratch_bytes(); scratch > 0) {
        scratch_of[s] = buffers.size();
        buffers.push_back({scratch, static_cast<int>(s), static_cast<int>(s)});
      }
    }
    const MemoryPlan memory = FOVEA_TRY(plan_memory(buffers));
    int64_t overread = 0;
    for (const Plan::BoundStep& s : plan_->steps_) overread = std::max(overread, s.step->overread_bytes());
    plan_->arena_bytes_ = memory.bytes + overread;
    for (size_t v = 0; v < root_.size(); ++v)
      if (buffer_of[v] != kNone) plan_->places_[v] = {Plan::Home::arena, 0, memory.offsets[buffer_of[v]]};
    for (size_t s = 0; s < nodes_.size(); ++s)
      if (scratch_of[s] != kNone) plan_->steps_[s].scratch_offset = memory.offsets[scratch_of[s]];
    return {};
  }

  /// The buffer of an input that output 0 may take over: as large, in the arena, read here for the last time, and read
  /// through no other input in another way.
  size_t overwritten(size_t s, const Node& node, const std::vector<size_t>& buffer_of) const {
    constexpr size_t kNone = static_cast<size_t>(-1);
    const int64_t bytes = bytes_of(types_[at(node.outputs[0])]);
    const auto may = [&](size_t i) {
      const ValueId v = node.inputs[i];
      return plan_->steps_[s].step->may_overwrite(i) && offset_[at(v)] == 0 && bytes_of(types_[at(v)]) == bytes;
    };
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNoValue || !may(i)) continue;
      const ValueId root = root_[at(node.inputs[i])];
      if (buffer_of[at(root)] == kNone || last_[at(root)] != static_cast<int>(s) || bytes_of(types_[at(root)]) != bytes)
        continue;
      bool alone = true;
      for (size_t j = 0; j < node.inputs.size(); ++j)
        if (node.inputs[j] != kNoValue && root_[at(node.inputs[j])] == root) alone = alone && may(j);
      if (alone) return buffer_of[at(root)];
    }
    return kNone;
  }

  void resolve_views() {
    auto& places = plan_->places_;
    for (size_t v = 0; v < root_.size(); ++v) {
      if (root_[v] != static_cast<ValueId>(v)) {
        const ValueId root = root_[v];
        const Plan::Place& whole = places[at(root)];
        places[v] = {whole.home, whole.home == Plan::Home::constant ? at(root) : whole.index,
                     whole.offset + offset_[v]};
      } else if (places[v].home == Plan::Home::constant) {
        places[v].index = v;
      }
      if (places[v].home == Plan::Home::input || places[v].home == Plan::Home::output)
        plan_->moving_.push_back(static_cast<ValueId>(v));
    }
  }

  const EngineOptions& options_;
  std::unique_ptr<Plan> plan_{new Plan};
  std::vector<TensorType> types_;                 // by value
  std::vector<ValueId> root_;                     // the value whose memory this one looks at: itself, if it is no view
  std::vector<int64_t> offset_;                   // bytes into it
  std::vector<int> first_, last_;                 // steps that write it, and read it or a view of it for the last time
  std::vector<NodeId> nodes_;                     // of the steps
  std::vector<bool> has_packed_, read_directly_;  // constants, by value
};

Result<std::unique_ptr<const Plan>> Plan::make(Graph graph, const passes::Operators& operators, PackedWeights& weights,
                                               const EngineOptions& options, int64_t images) {
  EngineOptions of_one = options;
  if (images > 1) of_one.threads = 1;
  return PlanMaker(std::move(graph), of_one, images, options.threads).make(operators, weights);
}

std::vector<TensorType> Plan::inputs() const {
  std::vector<TensorType> types;
  for (ValueId v : passes::fed_inputs(graph_)) {
    types.push_back(graph_.value(v).type.concrete().value_or(TensorType{}));
    if (images_ > 1) types.back().shape[0] *= images_;
  }
  return types;
}

void* Plan::address(ValueId id, std::span<const Tensor> inputs, std::span<Tensor> outputs, std::byte* arena) const {
  const Place& place = places_[at(id)];
  const auto shifted = [&](const void* base) {
    return static_cast<void*>(static_cast<std::byte*>(const_cast<void*>(base)) + place.offset);
  };
  switch (place.home) {
    case Home::none: return nullptr;
    case Home::constant: return shifted(graph_.constant(static_cast<ValueId>(place.index))->raw());
    case Home::input: return shifted(inputs[place.index].raw());
    case Home::output: return shifted(outputs[place.index].raw());
    case Home::arena: return shifted(arena);
  }
  return nullptr;
}

Result<Tensor> Plan::memory_for(size_t output, std::span<const MutableView> bound) const {
  const TensorType& type = outputs_[output].type;
  if (bound.empty()) return Tensor::allocate(type.dtype, type.shape);
  return Tensor::wrap(nullptr, bound[output].data, type.dtype, type.shape);
}

Result<std::vector<Tensor>> Plan::run(std::span<const Tensor> inputs, Context& context,
                                      std::vector<StepProfile>* profile, std::span<const MutableView> bound) const {
  return images_ > 1 ? run_apart(inputs, context, profile, bound) : run_alone(inputs, context, profile, bound);
}

Result<std::vector<Tensor>> Plan::run_alone(std::span<const Tensor> inputs, Context& context,
                                            std::vector<StepProfile>* profile,
                                            std::span<const MutableView> bound) const {
  for (size_t j = 0; j < bound.size(); ++j)
    if (const TensorType& type = outputs_[j].type;
        bound[j].dtype != type.dtype || !std::ranges::equal(bound[j].shape, type.shape))
      return invalid_argument("output {} is {}, but the memory bound to it is not", j, to_string(type))
          .with_fix("bind memory of the type that the output has");
  std::vector<Tensor> outputs(outputs_.size());
  for (size_t j = 0; j < outputs_.size(); ++j)
    if (outputs_[j].computed_in_place) outputs[j] = FOVEA_TRY(memory_for(j, bound));

  std::byte* arena = FOVEA_TRY(context.arena(arena_bytes_));
  if (context.bound_to != serial_) {
    context.addresses.resize(places_.size());
    for (size_t v = 0; v < places_.size(); ++v)
      context.addresses[v] = address(static_cast<ValueId>(v), inputs, outputs, arena);
    context.bound_to = serial_;
  } else {
    for (ValueId v : moving_) context.addresses[at(v)] = address(v, inputs, outputs, arena);
  }

  Bindings bindings{context.addresses, &context.pool, nullptr};
  for (const BoundStep& s : steps_) {
    bindings.scratch = arena + s.scratch_offset;
    const auto start = profile ? std::chrono::steady_clock::now() : std::chrono::steady_clock::time_point();
    FOVEA_TRY_AT(s.label, s.step->run(bindings));
    if (profile) profile->push_back({s.label, s.step->kernel(), milliseconds_since(start), s.gmac});
  }

  for (size_t j = 0; j < outputs_.size(); ++j) {
    const Output& output = outputs_[j];
    if (output.computed_in_place) continue;
    const Place& place = places_[at(output.value)];
    if (!bound.empty()) {
      outputs[j] = FOVEA_TRY(memory_for(j, bound));
      const void* from = output.same_as != j ? outputs[output.same_as].raw() : bindings.at(output.value);
      if (outputs[j].bytes() > 0) std::memcpy(outputs[j].mutable_view().data, from, outputs[j].bytes());
    } else if (output.same_as != j) {
      outputs[j] = outputs[output.same_as];
    } else if (place.home == Home::constant && place.index == at(output.value)) {
      outputs[j] = *graph_.constant(output.value);
    } else if (place.home == Home::input && place.offset == 0 &&
               inputs[place.index].bytes() == static_cast<size_t>(bytes_of(output.type))) {
      outputs[j] = inputs[place.index].reshaped(output.type.shape);
    } else {
      outputs[j] = FOVEA_TRY(Tensor::allocate(output.type.dtype, output.type.shape));
      const void* from = bindings.at(output.value);
      if (outputs[j].bytes() > 0) std::memcpy(outputs[j].mutable_view().data, from, outputs[j].bytes());
    }
  }
  return outputs;
}

}  // namespace fovea::cpu
