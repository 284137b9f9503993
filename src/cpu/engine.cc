#include "cpu/engine.h"

#include <algorithm>
#include <cstring>
#include <mutex>

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/system.h"
#include "cpu/absent_weights.h"
#include "cpu/plan_image.h"
#include "cpu/program.h"
#include "kernels/word_gemm.h"
#include "passes/pipeline.h"

namespace fovea::cpu {

bool has_bf16_products() { return kernels::bf16_kernel() != nullptr; }

struct Engine::Impl {
  std::shared_ptr<const Graph> graph;
  std::shared_ptr<Program::Shared> shared;
  std::unique_ptr<Program> program;
  std::vector<ValueId> fed;  // of `graph`
  bool from_file = false;
  std::mutex mutex;
  std::vector<std::unique_ptr<Context>> idle;

  /// A context for one call; it goes back to the others when the call is done.
  class Borrowed {
   public:
    explicit Borrowed(Impl& impl) : impl_(impl) {
      const std::lock_guard lock(impl.mutex);
      if (!impl.idle.empty()) {
        context_ = std::move(impl.idle.back());
        impl.idle.pop_back();
      }
    }
    ~Borrowed() {
      if (!context_) return;
      const std::lock_guard lock(impl_.mutex);
      impl_.idle.push_back(std::move(context_));
    }
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;
    Context& operator*() {
      if (!context_) context_ = std::make_unique<Context>(impl_.shared->options.threads);
      return *context_;
    }

   private:
    Impl& impl_;
    std::unique_ptr<Context> context_;
  };

  Result<void> check(std::span<const Tensor> inputs) const {
    std::vector<TensorType> types;
    for (const Tensor& t : inputs) types.push_back(t.type());
    return check(types);
  }

  Result<void> check(std::span<const TensorType> inputs) const {
    if (inputs.size() != fed.size())
      return invalid_argument("{} inputs given, but the model has {}", inputs.size(), fed.size());
    for (size_t i = 0; i < fed.size(); ++i) {
      const Value& declared = graph->value(fed[i]);
      if (inputs[i].dtype == DType::u8 && shared->bytes) {
        const auto bytes = passes::byte_type(declared.type, *shared->bytes);
        if (bytes && accepts(*bytes, inputs[i])) continue;
      }
      if (!accepts(declared.type, inputs[i]))
        return invalid_argument("the model takes {}, but got {}", to_string(declared.type), to_string(inputs[i]))
            .at("input \"" + declared.name + "\"")
            .with_fix("feed a tensor of the model's dtype and shape");
    }
    return {};
  }
};

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

namespace {

std::shared_ptr<Program::Shared> share(const EngineOptions& options) {
  auto shared = std::make_shared<Program::Shared>();
  shared->options = options;
  if (options.threads < 1) shared->options.threads = granted_cores();
  return shared;
}

/// What is done once a model.
Result<Graph> rewrite_once(Graph graph, const EngineOptions& options) {
  if (!options.fast_kernels) return graph;
  FOVEA_TRY(passes::fold_constants(graph, passes::NarrowWeights::kept));
  FOVEA_TRY(passes::run_pipeline(graph, passes::Stage::once, nullptr));
  FOVEA_TRY(
      passes::fold_constants(graph));  // weights that narrow_weights refused: else each plan has a copy of its own
  drop_unused_constants(graph);
  return graph;
}

/// The program's graph, should it need it again.
Program::Remake remake(const EngineOptions& options) {
  if (!options.reload) return nullptr;
  return [options]() -> Result<Graph> { return rewrite_once(FOVEA_TRY(options.reload()), options); };
}

std::string shapes_text(std::span<const TensorType> types) {
  std::string text;
  for (const TensorType& type : types) text += (text.empty() ? "" : ", ") + to_string(type);
  return text;
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::compile(std::shared_ptr<const Graph> graph, const EngineOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->shared = share(options);
  Graph once = *graph;
  if (options.reload)
    impl->graph = std::make_shared<const Graph>(FOVEA_TRY(without_weights(*graph)));
  else
    impl->graph = graph;
  impl->fed = passes::fed_inputs(*impl->graph);
  const auto weights = options.reload ? large_constants(once) : std::vector<std::span<const std::byte>>();
  graph.reset();  // folded weights take the place of the model's
  once = FOVEA_TRY(rewrite_once(std::move(once), options));
  for (const auto& bytes : weights) MappedFile::release_pages(bytes.data(), bytes.size());
  impl->program = FOVEA_TRY(Program::make(std::move(once), impl->shared, options.max_plans, remake(options)));
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

Result<std::unique_ptr<Engine>> Engine::load(const EngineFile& file, const EngineOptions& options,
                                             const std::function<Result<void>(Graph&)>& adjust) {
  auto impl = std::make_unique<Impl>();
  impl->shared = share(options);
  impl->from_file = true;
  Loaded loaded = FOVEA_TRY_AT(file.path().string(), load_image(file, impl->shared->weights, impl->shared->options));
  std::vector<std::string> shapes;
  for (const auto& plan : loaded.plans) {
    shapes.push_back(shapes_text(plan->inputs()));
  }
  auto again = remake(options);
  if (!again)
    again = [where = file.path().string(), shapes]() -> Result<Graph> {
      return invalid_argument("the engine file has no plan for inputs of this size, only for {}",
                              fmt::join(shapes, "; "))
          .at(where)
          .with_fix("compile the model for this size, too: fovea compile --shape, or --batch");
    };
  if (!options.reload && loaded.plans.size() == 1) {  // only inputs of this size can come
    const auto given = loaded.plans.front()->inputs();
    const auto declared = passes::fed_inputs(loaded.model);
    for (size_t i = 0; i < std::min(given.size(), declared.size()); ++i)
      loaded.model.set_type(declared[i], ValueType::of(given[i]));
  }
  if (adjust) FOVEA_TRY(adjust(loaded.model));
  impl->graph = std::make_shared<const Graph>(std::move(loaded.model));
  impl->fed = passes::fed_inputs(*impl->graph);
  for (const auto& plan : loaded.plans)
    if (passes::fed_inputs(plan->graph()).size() != impl->fed.size() ||
        plan->graph().outputs.size() != impl->graph->outputs.size())
      return invalid_model("its plans and its model have not the same inputs and outputs").at(file.path().string());
  impl->program = Program::of_plans(std::move(loaded.plans), impl->shared, options.max_plans, std::move(again));
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

Result<void> Engine::save(const std::filesystem::path& path, const EngineKey& key) const {
  const auto plans = FOVEA_TRY(impl_->program->plans());
  if (plans.empty()) return invalid_argument("the engine has no plan yet");
  const Image image = FOVEA_TRY(make_image(*impl_->graph, plans));
  return write_engine_file(path, key, image.body, image.tensors, threads());
}

size_t Engine::plan_count() const { return impl_->program->plan_count(); }

std::vector<Engine::PlanSummary> Engine::plans() const {
  std::vector<PlanSummary> summaries;
  const auto plans = impl_->program->plans();
  if (!plans.ok()) return summaries;
  for (const auto& plan : *plans) {
    PlanSummary summary;
    summary.inputs = plan->inputs();
    for (size_t i = 0; i < plan->steps(); ++i) summary.kernels.push_back(plan->kernel_of_step(i));
    summary.arena_bytes = plan->arena_bytes();
    for (const Plan::Packed& packed : plan->packed())
      summary.packed_bytes += static_cast<int64_t>(packed.packed.bytes());
    summaries.push_back(std::move(summary));
  }
  return summaries;
}

const Graph& Engine::graph() const { return *impl_->graph; }
std::shared_ptr<const Graph> Engine::shared_graph() const { return impl_->graph; }
bool Engine::accept_bytes(const Tensor& table, bool channels_first) {
  if (impl_->from_file || impl_->fed.size() != 1 || !impl_->shared->options.fast_kernels) return false;
  if (const auto& now = impl_->shared->bytes)  // plans may be made with it
    return now->channels_first == channels_first && now->table.type() == table.type() &&
           std::memcmp(now->table.raw(), table.raw(), table.bytes()) == 0;
  passes::ByteInput bytes{table, channels_first};
  if (!passes::byte_type(impl_->graph->value(impl_->fed[0]).type, bytes)) return false;
  impl_->shared->bytes = std::move(bytes);
  return true;
}

int Engine::threads() const { return impl_->shared->options.threads; }

Result<std::vector<Tensor>> Engine::run(std::span<const Tensor> inputs) { return run(inputs, nullptr); }

Result<std::vector<Tensor>> Engine::run(std::span<const Tensor> inputs, std::vector<StepProfile>* profile) {
  FOVEA_TRY(impl_->check(inputs));
  Impl::Borrowed context(*impl_);
  if (profile) profile->clear();
  return impl_->program->run(inputs, *context, profile);
}

Result<void> Engine::run_into(std::span<const Tensor> inputs, std::span<const MutableView> outputs) {
  FOVEA_TRY(impl_->check(inputs));
  if (outputs.size() != impl_->graph->outputs.size())
    return invalid_argument("memory for {} outputs given, but the model has {}", outputs.size(),
                            impl_->graph->outputs.size());
  Impl::Borrowed context(*impl_);
  FOVEA_TRY(impl_->program->run(inputs, *context, nullptr, outputs));
  return {};
}

Result<void> Engine::prepare(std::span<const TensorType> inputs) {
  FOVEA_TRY(impl_->check(inputs));
  return impl_->program->prepare(inputs);
}

}  // namespace fovea::cpu
