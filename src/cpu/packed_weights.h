// Weights in the order in which kernels read them: packed once an engine, shared by all its plans, or taken from an
// engine file as they were packed before.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "cpu/weight_memory.h"
#include "fovea/tensor.h"

namespace fovea::cpu {

/// Which weight, by its bytes' address and its type, in which order.
struct WeightKey {
  const void* identity = nullptr;
  std::string order;  // recipe and types
  auto operator<=>(const WeightKey&) const = default;
};

/// What all plans of an engine share.
struct WeightStore {
  struct Entry {
    Tensor source;  // kept, so that its address names nothing else
    Tensor packed;
    std::vector<Tensor> others = {};  // kept for the same reason: what else the key names
  };
  WeightMemory memory;
  std::mutex mutex;
  std::map<WeightKey, Entry> known;
  std::multimap<std::string, Tensor> by_order;  // all that was packed, whatever became of its source
};

/// What a plan packed, for the engine file.
struct PackedUse {
  WeightKey key;
  std::string recipe;
  Tensor packed;
};

/// The weights of one plan while its steps are made. Not for two threads at once.
class PackedWeights {
 public:
  /// Writes the packed weight to zeroed memory. It runs later, on any thread, when the maker of the step has long
  /// returned: it holds what it needs by value, the source's Tensor among it.
  using Fill = std::function<void(void* packed)>;

  /// `keep_sources`: plans to come will find the weights by their sources, which stay in memory. Else only the packed
  /// ones stay.
  PackedWeights(WeightStore& store, bool keep_sources) : store_(store), keep_sources_(keep_sources) {}
  /// For plans that do not run: nothing is packed, weights are zeros of the right size that take no memory.
  static PackedWeights for_sizes(WeightStore& store) {
    PackedWeights weights(store, false);
    weights.only_sizes_ = true;
    return weights;
  }
  /// Of an engine file: nothing is packed. A weight that the file lacks is an error.
  PackedWeights(WeightStore& store, std::map<WeightKey, Tensor> from_file)
      : store_(store), from_file_(std::move(from_file)), only_file_(true) {}

  /// The packed form of `source` under this recipe ("gemm 16"). Who asks for it does not read the source when the step
  /// runs: the engine may have let it go by then. Error: out_of_memory; invalid_model for a file without it.
  Result<Tensor> get(const Tensor& source, const std::string& recipe, const TensorType& packed, Fill fill);
  /// The same where packing may fail; runs at once, on this thread.
  Result<Tensor> get(const Tensor& source, const std::string& recipe, const TensorType& packed,
                     const std::function<Result<Tensor>()>& pack);

  /// Zeroed memory for a weight that `pack` makes. Error: out_of_memory.
  Result<Tensor> allocate(DType dtype, Shape shape) { return store_.memory.allocate(dtype, std::move(shape)); }

  /// What a step makes of a packed weight for itself: plans share it, engine files do not have it, so that it is made
  /// again when they are loaded. `others`: all other tensors whose numbers it depends on, empty ones for none; what
  /// else it depends on stands in the recipe. Error: out_of_memory.
  Result<Tensor> derive(const Tensor& packed, std::vector<Tensor> others, const std::string& recipe,
                        const TensorType& type, Fill fill);

  /// Forgets what the last maker of a step took.
  void begin_step() { taken_.clear(); }
  /// Weights taken since begin_step().
  const std::vector<PackedUse>& taken() const { return taken_; }
  /// Whether a weight was asked for that the engine file lacks, or has in another size.
  bool missing() const { return missing_; }

  /// Packs all that waits, on so many threads, and lets go of sources one by one.
  void finish(int threads);

 private:
  struct Waiting {
    WeightKey key;
    Tensor source, packed;
    Fill fill;
    std::vector<Tensor> others = {};
  };
  static void fill(std::vector<Waiting>& waiting, int threads, bool keep_sources);
  Result<Tensor> find_in_file(const WeightKey& key, const TensorType& type);
  Tensor remember(const WeightKey& key, const Tensor& source, Tensor packed);
  Tensor take(const WeightKey& key, const std::string& recipe, Tensor packed);

  WeightStore& store_;
  bool keep_sources_ = true;
  std::map<WeightKey, Tensor> from_file_;
  bool only_sizes_ = false, only_file_ = false, missing_ = false;
  std::map<WeightKey, Tensor> mine_;
  std::vector<PackedUse> taken_;
  std::vector<Waiting> waiting_, derived_;  // the second are made of the first
};

/// The key of a weight under a recipe.
WeightKey weight_key(const Tensor& source, const std::string& recipe);

}  // namespace fovea::cpu
