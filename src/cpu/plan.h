// A plan: the steps of one specialised graph in order, each with its kernel, and the place of every value.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "cpu/context.h"
#include "cpu/engine.h"
#include "cpu/packed_weights.h"
#include "cpu/step.h"
#include "cpu/tuner.h"
#include "passes/specialise.h"

namespace fovea::cpu {

class Plan {
 public:
  /// `graph`: every value has a concrete type. Views of other values take no step and no memory; elementwise steps
  /// write over what nobody reads any more; graph outputs are computed where the caller gets them. Weights that are
  /// only read in their packed form leave the graph. Error: a step's, with its node; invalid_model where an engine file
  /// lacks weights; out_of_memory. `images` above 1: the graph is that of one image, the plan takes so many of them and
  /// runs each by itself on one thread, so that what its steps pass on stays in that core's caches.
  static Result<std::unique_ptr<const Plan>> make(Graph graph, const passes::Operators& operators,
                                                  PackedWeights& weights, const EngineOptions& options,
                                                  int64_t images = 1);

  static constexpr int64_t kMostImages = 1 << 20;
  /// What run() takes: the types of fed_inputs(graph()), for all images.
  std::vector<TensorType> inputs() const;
  int64_t images() const { return images_; }

  /// One tensor for each of inputs(). Outputs go where `bound` says, if it says anything. Error: a step's, with its
  /// node; invalid_argument where `bound` does not fit; out_of_memory.
  Result<std::vector<Tensor>> run(std::span<const Tensor> inputs, Context& context, std::vector<StepProfile>* profile,
                                  std::span<const MutableView> bound = {}) const;

  /// A constant of the graph in its packed form.
  struct Packed {
    ValueId source = kNoValue;
    std::string recipe;
    Tensor packed;
  };

  const Graph& graph() const { return graph_; }
  const std::vector<Packed>& packed() const { return packed_; }
  /// Constants that have left the graph; their values keep their types.
  const std::vector<ValueId>& dropped() const { return dropped_; }
  /// What its tuner chose.
  const Choices& choices() const { return choices_; }
  size_t steps() const { return steps_.size(); }
  std::string kernel_of_step(size_t i) const { return steps_[i].step->kernel(); }
  /// What a tuner was asked for it; "" without one, and where there was no choice.
  const std::string& tuning_key_of_step(size_t i) const { return steps_[i].tuning_key; }
  /// Of all threads.
  int64_t arena_bytes() const { return arena_bytes_ * std::min<int64_t>(images_, threads_); }

 private:
  friend class PlanMaker;
  enum class Home { none, constant, input, output, arena };
  struct Place {
    Home home = Home::none;
    size_t index = 0;    // of the input or output
    int64_t offset = 0;  // bytes into it, or into the arena
  };
  struct BoundStep {
    StepPtr step;
    std::string label;
    double gmac = 0;
    std::string tuning_key;
    int64_t scratch_offset = 0;
  };
  /// An output of the caller's, of one image.
  struct Output {
    ValueId value = kNoValue;
    TensorType type;
    bool computed_in_place = false;  // else it is shared (constant, input) or copied when all is done
    size_t same_as = 0;              // an earlier output with the same value, or its own index
  };

  Plan() = default;
  Result<std::vector<Tensor>> run_alone(std::span<const Tensor> inputs, Context& context,
                                        std::vector<StepProfile>* profile, std::span<const MutableView> bound) const;
  Result<std::vector<Tensor>> run_apart(std::span<const Tensor> inputs, Context& context,
                                        std::vector<StepProfile>* profile, std::span<const MutableView> bound) const;
  Result<Tensor> memory_for(size_t output, std::span<const MutableView> bound) const;
  void* address(ValueId id, std::span<const Tensor> inputs, std::span<Tensor> outputs, std::byte* arena) const;

  Graph graph_;
  std::vector<Place> places_;    // by value
  std::vector<ValueId> moving_;  // values whose address differs between runs: inputs, outputs and their views
  std::vector<BoundStep> steps_;
  std::vector<Output> outputs_;
  std::vector<Packed> packed_;
  std::vector<ValueId> dropped_;
  Choices choices_;
  int64_t images_ = 1;
  int threads_ = 1;          // that share the images
  int64_t arena_bytes_ = 0;  // of one image
  uint64_t serial_ = 0;
};

}  // namespace fovea::cpu
