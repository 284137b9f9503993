#include "cpu/tune_measure.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include "base/cpu_features.h"
#include "base/thread_pool.h"
#include "cpu/packed_weights.h"

namespace fovea::cpu {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

double now_us() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// A chain of dependent operations of some ten microseconds, which nothing but the clock's rate decides.
double probe_us() {
  const double start = now_us();
  uint64_t x = 1;
  for (int i = 0; i < 8000; ++i) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    asm volatile("" : "+r"(x));
  }
  return now_us() - start;
}

/// Numbers of one magnitude, whatever the type is taken for: no infinities, nothing subnormal.
void fill(std::span<std::byte> bytes, uint32_t seed) {
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    seed = seed * 1664525u + 1013904223u;
    bytes[i] = static_cast<std::byte>(seed >> 25);
    bytes[i + 1] = std::byte{0x3c};
  }
}

Result<Tensor> filled(const TensorType& type, uint32_t seed) {
  Tensor tensor = FOVEA_TRY(Tensor::allocate(type.dtype, type.shape));
  fill({static_cast<std::byte*>(tensor.mutable_view().data), tensor.bytes()}, seed);
  return tensor;
}

int64_t constant_bytes(const Graph& graph) {
  int64_t bytes = 0;
  for (size_t v = 0; v < graph.value_slots(); ++v)
    if (const Tensor* constant = graph.constant(static_cast<ValueId>(v)))
      bytes += static_cast<int64_t>(constant->bytes());
  return bytes;
}

/// Operands of a node that computed values stand for, and places for its outputs.
struct Operands {
  std::vector<void*> addresses;
  std::vector<Tensor> inputs, outputs;

  static Result<Operands> of(const LowerNode& node) {
    Operands o;
    o.addresses.resize(node.graph.value_slots());
    const auto place = [&](const std::vector<ValueId>& values, const std::vector<TensorType>& types,
                           std::vector<Tensor>& tensors) -> Result<void> {
      for (size_t i = 0; i < values.size(); ++i) {
        if (values[i] == kNoValue) continue;
        void*& address = o.addresses[static_cast<size_t>(values[i])];
        if (const Tensor* constant = node.graph.constant(values[i])) {
          address = const_cast<void*>(constant->raw());
        } else if (address == nullptr) {
          tensors.push_back(FOVEA_TRY(filled(types[i], static_cast<uint32_t>(i + 1))));
          address = tensors.back().mutable_view().data;
        }
      }
      return {};
    };
    FOVEA_TRY(place(node.node.inputs, node.inputs, o.inputs));
    FOVEA_TRY(place(node.node.outputs, node.outputs, o.outputs));
    return o;
  }
};

/// A candidate's step with weights of its own.
struct Trial {
  StepPtr step;
  Tensor scratch;

  static Trial of(const LowerNode& node, const Candidate& candidate) {
    Trial trial;
    WeightStore store;
    PackedWeights weights = PackedWeights::for_measuring(store, fill);
    const LowerNode own{node.graph, node.node, node.inputs,  node.outputs,
                        node.op,    weights,   node.threads, node.precision};
    StepPtr step = candidate.make(own);
    if (!step) return trial;
    auto scratch = Tensor::allocate(DType::u8, {std::max<int64_t>(step->scratch_bytes(), 1)});
    if (!scratch.ok()) return trial;
    trial.scratch = std::move(scratch).value();
    trial.step = std::move(step);
    return trial;
  }
};

/// Reads as much else as the rest of the model does between two runs of a step: three times its weights, as packing and
/// activations add to them.
class Flush {
 public:
  Flush(int threads, int64_t model_bytes) {
    constexpr int64_t kMost = 256 << 20, kPacked = 3;  // Winograd's weights are up to seven times the model's
    const int64_t bytes = std::max<int64_t>(2 * cache_sizes().l2 * threads, std::min(kMost, kPacked * model_bytes));
    // Without the memory, weights stay in the caches: times are less true, but still the candidates'.
    auto other = Tensor::allocate(DType::f32, {bytes / 4});
    if (!other.ok()) return;
    other_ = std::move(other).value();
    const auto all = other_.mutable_view();
    std::fill_n(all.as<float>(), all.size(), 1.0f);  // pages of its own, not the one page of zeros
  }
  void operator()(ThreadPool& pool) const {
    if (other_.raw() == nullptr) return;
    const auto* numbers = other_.data<float>();
    pool.parallel_for(other_.size(), 1 << 10, [&](int64_t begin, int64_t end, int) {
      float sum = 0;
      for (int64_t i = begin; i < end; i += 16) sum += numbers[i];
      volatile float used = sum;
      (void)used;
    });
  }

 private:
  Tensor other_;
};

}  // namespace

Clock real_clock() { return {now_us, probe_us}; }

std::vector<double> least_times(size_t candidates, int rounds, const Clock& clock,
                                const std::function<void(size_t)>& prepare, const std::function<void(size_t)>& run,
                                const std::function<bool()>& stop) {
  std::vector<double> least(candidates, kNever);
  double least_probe = kNever;
  for (int i = 0; i < 5; ++i) least_probe = std::min(least_probe, clock.probe_us());
  int spare = 2 * rounds * static_cast<int>(candidates);  // runs that may be repeated
  for (int round = 0; round < rounds; ++round) {
    const double best = candidates == 0 ? kNever : *std::ranges::min_element(least);
    for (size_t i = 0; i < candidates; ++i) {
      if (round >= 3 && least[i] > 1.5 * best) continue;
      for (bool counts = false; !counts;) {
        if (stop && stop()) return {};
        prepare(i);
        const double before = clock.probe_us(), start = clock.now_us();
        run(i);
        const double took = clock.now_us() - start, behind = clock.probe_us();
        counts = std::max(before, behind) <= 1.1 * least_probe || spare-- <= 0;
        least_probe = std::min({least_probe, before, behind});
        if (counts) least[i] = std::min(least[i], took);
      }
    }
  }
  return least;
}

std::vector<double> StepMeasurer::measure(const LowerNode& node, std::span<const Candidate> candidates,
                                          const std::function<bool()>& stop) {
  constexpr int kRounds = 7;
  std::vector<double> never(candidates.size(), kNever);
  auto operands = Operands::of(node);
  if (!operands.ok()) return never;
  std::vector<Trial> trials;
  for (const Candidate& candidate : candidates) trials.push_back(Trial::of(node, candidate));
  // Sizes of the last cache are no help: cores and virtual machines share it.
  ThreadPool pool(threads_);
  const Flush flush(pool.size(), constant_bytes(node.graph));
  Bindings bindings{operands->addresses, &pool, nullptr};
  const auto prepare = [&](size_t) {
    flush(pool);
    // As the step before leaves them: rows with the cores that shared them out.
    for (Tensor& input : operands->inputs) {
      auto* words = static_cast<uint32_t*>(input.mutable_view().data);
      pool.parallel_for(static_cast<int64_t>(input.bytes() / 4), 1 << 12, [&](int64_t begin, int64_t end, int) {
        for (int64_t w = begin; w < end; ++w) words[w] ^= 1;
      });
    }
  };
  const auto run = [&](size_t i) {
    if (!trials[i].step) return;
    bindings.scratch = trials[i].scratch.mutable_view().data;
    (void)trials[i].step->run(bindings);
  };
  std::vector<double> times = least_times(candidates.size(), kRounds, clock_, prepare, run, stop);
  for (size_t i = 0; i < times.size(); ++i)
    if (!trials[i].step) times[i] = kNever;
  return times;
}

}  // namespace fovea::cpu
