#include "cpu/engine.h"

#include <algorithm>
#include <mutex>

#include "base/error.h"
#include "base/system.h"
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

Result<std::unique_ptr<Engine>> Engine::compile(std::shared_ptr<const Graph> graph, const EngineOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->graph = std::move(graph);
  impl->fed = passes::fed_inputs(*impl->graph);
  impl->shared = std::make_shared<Program::Shared>();
  impl->shared->options = options;
  if (options.threads < 1) impl->shared->options.threads = granted_cores();
  Graph once = *impl->graph;
  if (options.fast_kernels) {
    FOVEA_TRY(passes::fold_constants(once));
    FOVEA_TRY(passes::run_pipeline(once, passes::Stage::once, nullptr));
  }
  impl->program = FOVEA_TRY(Program::make(std::move(once), impl->shared, options.max_plans));
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

const Graph& Engine::graph() const { return *impl_->graph; }
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
