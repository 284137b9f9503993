// A graph with its plans: one for each set of input types, and behind a node whose result types only data shows, a
// program for the rest of the graph.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "cpu/plan.h"
#include "passes/byte_input.h"

namespace fovea::cpu {

class Program {
 public:
  /// What all programs of an engine share.
  struct Shared {
    EngineOptions options;
    WeightStore weights;
    std::optional<passes::ByteInput> bytes;  // photos that may come in place of the first program's image
  };
  /// Makes the graph of a program again.
  using Remake = std::function<Result<Graph>()>;

  /// With `remake`, weights leave the memory when the first plan has packed them; should inputs of another size come,
  /// the graph is made again, and then stays. Error: an operator that cannot be parsed, with its node.
  static Result<std::unique_ptr<Program>> make(Graph graph, std::shared_ptr<Shared> shared, size_t max_plans,
                                               Remake remake = nullptr, int depth = 0);
  /// A program of plans alone; `remake` makes the graph, or the error, for inputs that none of them fits.
  static std::unique_ptr<Program> of_plans(std::vector<std::unique_ptr<const Plan>> plans,
                                           std::shared_ptr<Shared> shared, size_t max_plans, Remake remake);

  /// Inputs as fed_inputs(graph) lists them. Outputs go where `bound` says, if it says anything.
  Result<std::vector<Tensor>> run(std::span<const Tensor> inputs, Context& context, std::vector<StepProfile>* profile,
                                  std::span<const MutableView> bound = {});

  /// Makes the plan for these types up to the first node whose result types only data shows.
  Result<void> prepare(std::span<const TensorType> inputs);

  /// The plans that there are, the most recently used first. Error: unsupported, where one ends at a node whose result
  /// types only data shows, naming it.
  Result<std::vector<std::shared_ptr<const Plan>>> plans() const;
  size_t plan_count() const;

 private:
  /// Where an operand comes from.
  struct Source {
    enum class Kind { none, constant, plan_output, result } kind = Kind::none;
    size_t index = 0;
    Tensor constant;
  };
  /// The node that ends a segment, and what follows it.
  struct Blocking {
    Node node;
    std::string label;
    std::shared_ptr<const ops::Operator> op;  // nullptr: control flow
    std::vector<Source> inputs, captures;
    std::unique_ptr<Program> rest;
    std::vector<Source> rest_inputs;

    Result<std::vector<Tensor>> run(std::span<const Tensor> plan_outputs) const;
  };
  struct Segment {
    std::vector<TensorType> inputs;
    std::unique_ptr<const Plan> plan;
    std::unique_ptr<Blocking> blocking;  // nullptr: the plan's outputs are the graph's
  };

  Program() = default;
  std::shared_ptr<const Segment> find(std::span<const TensorType> inputs);
  Result<std::shared_ptr<const Segment>> segment_for(std::vector<TensorType> inputs);
  Result<std::shared_ptr<const Segment>> make_segment(std::vector<TensorType> inputs);
  /// The graph for one image, where `many`, made for these inputs, is that graph applied to each image of a batch which
  /// the threads can share out.
  std::optional<passes::Specialised> for_one_image(const Graph& many, std::vector<TensorType> inputs) const;
  void tune(const passes::Specialised& specialised, int64_t images);
  /// The graph for these inputs, which may be a photo in place of its image.
  Result<passes::Specialised> specialised_for(std::span<const TensorType> inputs) const;
  Result<std::unique_ptr<Blocking>> split(passes::Specialised& specialised) const;

  std::optional<Graph> graph_;  // nothing while it can be made again
  bool keep_graph_ = true;
  Remake remake_;
  passes::Operators operators_;
  std::shared_ptr<Shared> shared_;
  size_t max_plans_ = 1;
  int depth_ = 0;
  std::mutex making_;                                   // held while a segment is made: seconds, when it is tuned
  mutable std::mutex mutex_;                            // of the segments
  std::list<std::shared_ptr<const Segment>> segments_;  // the most recently used first
};

}  // namespace fovea::cpu
