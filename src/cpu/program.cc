#include "cpu/program.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "base/checked.h"
#include "base/error.h"
#include "cpu/absent_weights.h"
#include "ops/control_flow.h"
#include "ops/evaluate.h"
#include "passes/images_apart.h"
#include "passes/pipeline.h"

namespace fovea::cpu {
namespace {

/// Nodes of one model that may end a segment, one behind the other: each costs a program of its own.
constexpr int kMaxSegments = 500;

/// How many images lie one behind another in every input, where threads can share them out nearly evenly; else 1.
int64_t images_of(std::span<const TensorType> inputs, int64_t threads) {
  constexpr int64_t kMost = Plan::kMostImages;
  int64_t images = 0;
  for (const TensorType& input : inputs) {
    if (input.shape.empty() || (images > 0 && input.shape[0] != images)) return 1;
    images = input.shape[0];
  }
  return images > 1 && images <= kMost && ceil_div(images, threads) * threads * 100 <= images * 115 ? images : 1;
}

std::vector<TensorType> types_of(std::span<const Tensor> tensors) {
  std::vector<TensorType> types;
  for (const Tensor& t : tensors) types.push_back(t.type());
  return types;
}

}  // namespace

Result<std::unique_ptr<Program>> Program::make(Graph graph, std::shared_ptr<Shared> shared, size_t max_plans,
                                               Remake remake, int depth) {
  if (depth > kMaxSegments)
    return unsupported("more than {} operators in a row have shapes that depend on data", kMaxSegments);
  std::unique_ptr<Program> program(new Program);
  program->operators_ = FOVEA_TRY(passes::parse_operators(graph));
  program->graph_ = std::move(graph);
  program->shared_ = std::move(shared);
  program->max_plans_ = std::max<size_t>(max_plans, 1);
  program->keep_graph_ = remake == nullptr;
  program->remake_ = std::move(remake);
  program->depth_ = depth;
  return program;
}

std::unique_ptr<Program> Program::of_plans(std::vector<std::unique_ptr<const Plan>> plans,
                                           std::shared_ptr<Shared> shared, size_t max_plans, Remake remake) {
  std::unique_ptr<Program> program(new Program);
  program->shared_ = std::move(shared);
  program->max_plans_ = std::max(max_plans, plans.size());
  program->remake_ = std::move(remake);
  for (auto& plan : plans) {
    auto segment = std::make_shared<Segment>();
    segment->inputs = plan->inputs();
    segment->plan = std::move(plan);
    program->segments_.push_back(std::move(segment));
  }
  return program;
}

std::shared_ptr<const Program::Segment> Program::find(std::span<const TensorType> inputs) {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::ranges::find_if(segments_, [&](const auto& s) { return std::ranges::equal(s->inputs, inputs); });
  if (found == segments_.end()) return nullptr;
  segments_.splice(segments_.begin(), segments_, found);
  return segments_.front();
}

Result<std::shared_ptr<const Program::Segment>> Program::segment_for(std::vector<TensorType> inputs) {
  if (auto known = find(inputs)) return known;
  // Calls whose inputs have a plan go on meanwhile.
  const std::lock_guard making(making_);
  if (auto known = find(inputs)) return known;
  auto made = FOVEA_TRY(make_segment(std::move(inputs)));
  const std::lock_guard lock(mutex_);
  segments_.push_front(made);
  if (segments_.size() > max_plans_) segments_.pop_back();
  return made;
}

Result<std::shared_ptr<const Program::Segment>> Program::make_segment(std::vector<TensorType> inputs) {
  auto segment = std::make_shared<Segment>();
  if (!graph_) {
    Graph again = FOVEA_TRY(remake_());
    operators_ = FOVEA_TRY(passes::parse_operators(again));
    graph_ = std::move(again);
    keep_graph_ = true;
  }
  passes::Specialised specialised = FOVEA_TRY(specialised_for(inputs));
  if (specialised.stop != kNoNode) {
    segment->blocking = FOVEA_TRY(split(specialised));
    keep_graph_ = true;  // each photo may need another plan
  }
  specialised.graph.remove_dead_nodes();
  int64_t images = 1;
  if (auto one = for_one_image(specialised.graph, inputs)) {
    images = inputs.front().shape.front();
    specialised = std::move(*one);
  }
  if (!keep_graph_) graph_.reset();
  if (shared_->options.fast_kernels)
    FOVEA_TRY(passes::run_pipeline(specialised.graph, passes::Stage::shapes_known, nullptr));
  drop_unused_constants(specialised.graph);
  if (shared_->options.tuner) tune(specialised, images);
  PackedWeights weights(shared_->weights, keep_graph_);
  segment->plan =
      FOVEA_TRY(Plan::make(std::move(specialised.graph), specialised.operators, weights, shared_->options, images));
  segment->inputs = std::move(inputs);
  return std::shared_ptr<const Segment>(std::move(segment));
}

Result<passes::Specialised> Program::specialised_for(std::span<const TensorType> inputs) const {
  const bool bytes = shared_->bytes && depth_ == 0 && inputs.size() == 1 && inputs[0].dtype == DType::u8 &&
                     graph_->value(passes::fed_inputs(*graph_)[0]).type.dtype == DType::f32;
  if (!bytes) return passes::specialise(*graph_, inputs, operators_);
  passes::Operators operators = operators_;
  const Graph photos = FOVEA_TRY(passes::with_byte_input(*graph_, *shared_->bytes, operators));
  return passes::specialise(photos, inputs, operators);
}

std::optional<passes::Specialised> Program::for_one_image(const Graph& many, std::vector<TensorType> inputs) const {
  const int64_t images = images_of(inputs, shared_->options.threads);
  if (images == 1 || !shared_->options.fast_kernels) return std::nullopt;
  for (TensorType& input : inputs) input.shape[0] = 1;
  auto one = specialised_for(inputs);
  if (!one.ok() || one->stop != kNoNode) return std::nullopt;  // a model for batches of one size
  one->graph.remove_dead_nodes();
  // Apart, each image reads all weights again: too much for a model that hardly uses them.
  constexpr double kEnoughReuse = 20;
  if (passes::weight_reuse(one->graph) < kEnoughReuse || passes::mixes_images(many, one->graph, images))
    return std::nullopt;
  return std::move(*one);
}

/// Lets the tuner measure what it does not know of this graph.
void Program::tune(const passes::Specialised& specialised, int64_t images) {
  shared_->options.tuner->learn([&](const std::shared_ptr<Tuner>& tuner, TrialKind kind) {
    WeightStore own;
    EngineOptions options = shared_->options;
    options.tuner = tuner;
    PackedWeights weights = kind == TrialKind::to_run ? PackedWeights(own, true) : PackedWeights::for_sizes(own);
    return Plan::make(specialised.graph, specialised.operators, weights, options, images);
  });
}

/// Cuts the graph at `stop`: leaves what comes before in `specialised`, with all that the rest needs as outputs.
Result<std::unique_ptr<Program::Blocking>> Program::split(passes::Specialised& specialised) const {
  Graph& before = specialised.graph;
  Graph after = before;
  const NodeId stop = specialised.stop;
  auto blocking = std::make_unique<Blocking>();
  blocking->node = before.node(stop);
  blocking->label = blocking->node.label(before);
  if (const auto op = specialised.operators.find(stop); op != specialised.operators.end()) blocking->op = op->second;

  const auto& order = before.order();
  const size_t cut = static_cast<size_t>(std::ranges::find(order, stop) - order.begin());
  std::vector<bool> made_before(before.value_slots(), false);
  for (size_t i = 0; i < cut; ++i)
    for (ValueId v : before.node(order[i]).outputs)
      if (v != kNoValue) made_before[static_cast<size_t>(v)] = true;
  for (ValueId v : passes::fed_inputs(before)) made_before[static_cast<size_t>(v)] = true;

  // What crosses the cut, in the order in which it is first needed.
  std::vector<ValueId> crossing;
  std::vector<size_t> place(before.value_slots(), 0);  // in `crossing`, plus 1
  const auto need = [&](ValueId v) {
    if (v == kNoValue || !made_before[static_cast<size_t>(v)] || place[static_cast<size_t>(v)] != 0) return;
    crossing.push_back(v);
    place[static_cast<size_t>(v)] = crossing.size();
  };
  const auto source = [&](ValueId v) {
    if (v == kNoValue) return Source{};
    if (const Tensor* constant = before.constant(v)) return Source{Source::Kind::constant, 0, *constant};
    need(v);
    if (place[static_cast<size_t>(v)] == 0) return Source{};
    return Source{Source::Kind::plan_output, place[static_cast<size_t>(v)] - 1, {}};
  };
  for (ValueId v : blocking->node.inputs) blocking->inputs.push_back(source(v));
  for (ValueId v : blocking->node.captures) blocking->captures.push_back(source(v));
  std::set<ValueId> for_rest;
  const auto rest_needs = [&](ValueId v) {
    need(v);
    if (v != kNoValue && made_before[static_cast<size_t>(v)]) for_rest.insert(v);
  };
  for (size_t i = cut + 1; i < order.size(); ++i) {
    for (ValueId v : before.node(order[i]).inputs) rest_needs(v);
    for (ValueId v : before.node(order[i]).captures) rest_needs(v);
  }
  for (ValueId v : before.outputs) rest_needs(v);

  const std::vector<NodeId> done(order.begin(), order.begin() + static_cast<ptrdiff_t>(cut) + 1);
  for (NodeId id : done) after.remove_node(id);
  after.inputs.clear();
  for (size_t i = 0; i < crossing.size(); ++i)
    if (for_rest.contains(crossing[i])) {
      after.inputs.push_back(crossing[i]);
      blocking->rest_inputs.push_back({Source::Kind::plan_output, i, {}});
    }
  for (size_t i = 0; i < blocking->node.outputs.size(); ++i) {
    const ValueId v = blocking->node.outputs[i];
    if (v == kNoValue) continue;
    after.inputs.push_back(v);
    blocking->rest_inputs.push_back({Source::Kind::result, i, {}});
  }
  // One plan is kept behind such a node: its shapes differ from photo to photo.
  blocking->rest = FOVEA_TRY(make(std::move(after), shared_, 1, nullptr, depth_ + 1));
  before.outputs = crossing;
  return blocking;
}

Result<std::vector<Tensor>> Program::Blocking::run(std::span<const Tensor> plan_outputs) const {
  const auto tensor = [&](const Source& s) -> const Tensor* {
    return s.kind == Source::Kind::none       ? nullptr
           : s.kind == Source::Kind::constant ? &s.constant
                                              : &plan_outputs[s.index];
  };
  std::vector<const Tensor*> args;
  for (const Source& s : inputs) args.push_back(tensor(s));
  if (op) return ops::evaluate(*op, args, node.outputs.size());
  std::vector<Tensor> captured;
  for (const Source& s : captures) {
    if (tensor(s) == nullptr) return internal("a value that a subgraph uses is not known");
    captured.push_back(*tensor(s));
  }
  return ops::evaluate_control_flow(node, args, captured);
}

Result<std::vector<Tensor>> Program::run(std::span<const Tensor> inputs, Context& context,
                                         std::vector<StepProfile>* profile, std::span<const MutableView> bound) {
  std::vector<Tensor> feeds(inputs.begin(), inputs.end());
  std::shared_ptr<const Segment> segment;  // owns the program of the loop's next turn
  for (Program* program = this;;) {
    auto next = FOVEA_TRY(program->segment_for(types_of(feeds)));
    const auto places = next->blocking ? std::span<const MutableView>() : bound;
    std::vector<Tensor> outputs = FOVEA_TRY(next->plan->run(feeds, context, profile, places));
    if (!next->blocking) return outputs;
    const Blocking& blocking = *next->blocking;
    const auto start = std::chrono::steady_clock::now();
    const std::vector<Tensor> results = FOVEA_TRY_AT(blocking.label, blocking.run(outputs));
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    if (profile) profile->push_back({blocking.label, "reference", took.count(), 0});
    if (results.size() < blocking.node.outputs.size())
      return internal("{} of {} outputs", results.size(), blocking.node.outputs.size()).at(blocking.label);
    feeds.clear();
    for (const Source& s : blocking.rest_inputs)
      feeds.push_back(s.kind == Source::Kind::result ? results[s.index] : outputs[s.index]);
    program = blocking.rest.get();
    segment = std::move(next);
  }
}

Result<void> Program::prepare(std::span<const TensorType> inputs) {
  FOVEA_TRY(segment_for(std::vector<TensorType>(inputs.begin(), inputs.end())));
  return {};
}

Result<std::vector<std::shared_ptr<const Plan>>> Program::plans() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<const Plan>> plans;
  for (const auto& segment : segments_) {
    if (segment->blocking) return unsupported("the sizes behind it depend on data").at(segment->blocking->label);
    plans.emplace_back(segment, segment->plan.get());
  }
  return plans;
}

size_t Program::plan_count() const {
  const std::lock_guard lock(mutex_);
  return segments_.size();
}

}  // namespace fovea::cpu
