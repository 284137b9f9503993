// The native engine: a graph compiled for this CPU. One plan for each set of input shapes, made when first seen and
// kept.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cpu/engine_file.h"
#include "cpu/tuner.h"
#include "fovea/options.h"
#include "fovea/result.h"
#include "fovea/tensor.h"
#include "graph/graph.h"

namespace fovea::cpu {

struct EngineOptions {
  int threads = 0;           // 0: the cores that the cgroup grants
  bool fast_kernels = true;  // false: reference kernels everywhere, no passes: the oracle of tests
  /// fp32, or bf16: products of convolutions, linear layers and attention in bf16 where the CPU has such products, with
  /// f32 sums; values that only such products read are kept in bf16.
  Precision precision = Precision::fp32;
  /// Chooses among ways of doing a step (cpu/tune.h measures); nullptr: the cost model does.
  std::shared_ptr<Tuner> tuner = nullptr;
  size_t max_plans = 16;  // specialised plans kept; the least recently used goes
  /// Reads the model again. With it, the engine lets go of weights once they are packed, and asks for them again should
  /// inputs of another size come.
  std::function<Result<Graph>()> reload = nullptr;
};

/// Whether this CPU, within FOVEA_ISA, has products of bf16. Where it has none, Precision::bf16 computes in f32.
bool has_bf16_products();

/// What run() did with its time, for one step of the plan that ran last.
struct StepProfile {
  std::string node;    // 'Conv "layer1.0.conv1"'
  std::string kernel;  // "gemm_avx2_6x16", "reference"
  double ms = 0;
  double gmac = 0;
};

/// Thread safety: run() may be called from several threads at once; each call uses a context of its own (arena and
/// thread pool), contexts are kept for later calls.
class Engine {
 public:
  /// Error: unsupported or invalid_model where an operator cannot be parsed; what depends on input shapes is only found
  /// when they are known: compile does not guess them.
  static Result<std::unique_ptr<Engine>> compile(std::shared_ptr<const Graph> graph, const EngineOptions& options = {});
  /// The engine that save() wrote; nothing is packed. Precondition: the file's key says that it was made for this
  /// machine, these options and this fovea, and its weights were verified. Inputs of other sizes than it has plans for
  /// need options.reload. `adjust`: changes what the model says of its inputs. Error: invalid_model, unsupported,
  /// out_of_memory.
  static Result<std::unique_ptr<Engine>> load(const EngineFile& file, const EngineOptions& options = {},
                                              const std::function<Result<void>(Graph& model)>& adjust = nullptr);
  ~Engine();

  /// Writes the plans made so far, atomically. Error: unsupported, where sizes depend on data, naming the node;
  /// invalid_argument without a plan; io.
  Result<void> save(const std::filesystem::path& path, const EngineKey& key) const;

  /// What an engine file holds of one set of input sizes.
  struct PlanSummary {
    std::vector<TensorType> inputs;
    std::vector<std::string> kernels;  // of the steps, in their order
    int64_t arena_bytes = 0, packed_bytes = 0;
  };
  /// Of the plans made so far; of those that data-dependent sizes end early, none.
  std::vector<PlanSummary> plans() const;
  size_t plan_count() const;

  /// The model; where weights were let go (options.reload) or stayed in an engine file, large constants are zeros.
  const Graph& graph() const;
  std::shared_ptr<const Graph> shared_graph() const;
  int threads() const;

  /// One tensor for each graph input without a default, in the order of graph().inputs; the result in the order of
  /// graph().outputs. Error: invalid_argument where a dtype, rank or fixed extent differs from the model's; those of
  /// the shape rules for this set of shapes, naming the node; out_of_memory.
  Result<std::vector<Tensor>> run(std::span<const Tensor> inputs);
  /// The same, timing each step.
  Result<std::vector<Tensor>> run(std::span<const Tensor> inputs, std::vector<StepProfile>* profile);

  /// The same into memory of the caller's, one view for each output. Error: besides run's, invalid_argument where a
  /// view has not the type of its output.
  Result<void> run_into(std::span<const Tensor> inputs, std::span<const MutableView> outputs);

  /// From now on run() and prepare() take photos as bytes, too, {N, H, W, channels}, for the one input: v of channel c
  /// stands for table[c][v] (f32 {channels, 256}). The first layer reads them as they are where it can. Not while a
  /// call runs. False: no one f32 image of so many channels, plans from a file, or another table was accepted before.
  bool accept_bytes(const Tensor& table, bool channels_first);

  /// Makes and keeps the plan for these shapes, so that the first run does not pay for it.
  Result<void> prepare(std::span<const TensorType> inputs);

 private:
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fovea::cpu
