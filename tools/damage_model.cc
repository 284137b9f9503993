// Damages a model file in memory, again and again, and looks what fovea makes of it.
//
//     damage_model MODEL [--cuts 100] [--flips 1000] [--seed 0] [--structure-only] [--extent 1]
//
// The file is cut at every hundredth of its length, then single bits are flipped; each time it is read and, where that
// is possible, compiled and planned for its inputs' shapes. A typed error is right, and so is none (a flipped weight
// cannot be told); a crash or more than two seconds of computing is not. Files beyond 100 MB are flipped in their
// structure only, between the weights, and go through all passes, but no weights are packed: that takes as long as
// ever.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ctime>
#include <map>
#include <memory>
#include <random>
#include <span>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/log.h"
#include "base/mapped_file.h"
#include "cpu/engine.h"
#include "onnx/read.h"
#include "onnx/wire.h"
#include "passes/pipeline.h"
#include "passes/specialise.h"

namespace fovea {
namespace {

constexpr double kMaxSeconds = 2;
constexpr size_t kLarge = 100'000'000;

using Range = std::pair<size_t, size_t>;  // begin, end

/// Where the initializers' bytes lie in the file, in ascending order.
std::vector<Range> weight_ranges(std::span<const std::byte> file) {
  std::vector<Range> ranges;
  const auto model = onnx::parse_model(file);
  if (!model) return ranges;
  for (const wire::Tensor& tensor : model->graph().initializer())
    if (tensor.has_raw_offset()) ranges.emplace_back(tensor.raw_offset(), tensor.raw_offset() + tensor.raw_size());
  std::ranges::sort(ranges);
  return ranges;
}

/// The n-th byte that lies outside all ranges.
size_t nth_outside(const std::vector<Range>& ranges, size_t n) {
  for (const auto& [begin, end] : ranges) {
    if (n < begin) break;
    n += end - begin;
  }
  return n;
}

class Driver {
 public:
  Driver(int64_t free_extent, bool large) : free_extent_(free_extent), large_(large) {}

  void use(std::span<const std::byte> bytes, const std::string& what) {
    const std::clock_t start = std::clock();  // of this process, whatever else the machine does
    const std::string outcome = outcome_of(bytes);
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    ++outcomes_[outcome];
    if (seconds > slowest_) slowest_ = seconds, slowest_name_ = what;
    if (seconds > kMaxSeconds) {
      ++slow_;
      fmt::print("SLOW {}: {:.1f} s, {}\n", what, seconds, outcome);
    }
  }

  bool report() const {
    for (const auto& [outcome, count] : outcomes_) fmt::print("{:6} {}\n", count, outcome);
    fmt::print("slowest: {:.3f} s ({}); {} took more than {} s\n", slowest_, slowest_name_, slow_, kMaxSeconds);
    return slow_ == 0;
  }

 private:
  std::string outcome_of(std::span<const std::byte> bytes) {
    auto graph = onnx::read_model(bytes, nullptr);
    if (!graph) return fmt::format("refused when read ({})", code(graph.error()));
    std::vector<TensorType> types;
    for (ValueId id : graph->inputs) {
      if (graph->constant(id) != nullptr) continue;
      const ValueType& type = graph->value(id).type;
      if (!type.dtype || !type.shape) return "read; an input has no type";
      types.push_back({*type.dtype, {}});
      for (const Dim& dim : *type.shape) types.back().shape.push_back(dim.known() ? dim.value : free_extent_);
    }
    if (large_) {
      const auto passed = pass(*std::move(graph), types);
      return passed ? "passed" : fmt::format("refused by the passes ({})", code(passed.error()));
    }
    const auto engine = cpu::Engine::compile(std::make_shared<const Graph>(*std::move(graph)), {.threads = 1});
    if (!engine) return fmt::format("refused when compiled ({})", code(engine.error()));
    const auto prepared = (*engine)->prepare(types);
    return prepared ? "planned" : fmt::format("refused when planned ({})", code(prepared.error()));
  }

  /// All that an engine does to a graph before it makes steps of it.
  static Result<void> pass(Graph graph, const std::vector<TensorType>& types) {
    FOVEA_TRY(passes::fold_constants(graph));
    FOVEA_TRY(passes::run_pipeline(graph, passes::Stage::once, nullptr));
    const passes::Operators operators = FOVEA_TRY(passes::parse_operators(graph));
    passes::Specialised specialised = FOVEA_TRY(passes::specialise(graph, types, operators));
    if (specialised.stop != kNoNode) return {};
    specialised.graph.remove_dead_nodes();
    return passes::run_pipeline(specialised.graph, passes::Stage::shapes_known, nullptr);
  }

  static std::string_view code(const Error& error) {
    switch (error.code) {
      case ErrorCode::invalid_model: return "invalid model";
      case ErrorCode::unsupported: return "unsupported";
      case ErrorCode::out_of_memory: return "memory";
      case ErrorCode::invalid_argument: return "invalid argument";
      case ErrorCode::internal: return "INTERNAL";
      default: return "other";
    }
  }

  int64_t free_extent_;
  bool large_;
  std::map<std::string, int> outcomes_;
  double slowest_ = 0;
  std::string slowest_name_;
  int slow_ = 0;
};

int run(int argc, char** argv) {
  CLI::App app{"damages a model file in memory and looks what fovea makes of it"};
  std::string path;
  int cuts = 100, flips = 1000;
  unsigned seed = 0;
  int64_t free_extent = 1;
  bool structure_only = false;
  app.add_option("MODEL", path)->required()->check(CLI::ExistingFile);
  app.add_option("--cuts", cuts, "cut at this many even steps");
  app.add_option("--flips", flips, "flip this many single bits");
  app.add_option("--seed", seed, "of the flips");
  app.add_option("--extent", free_extent, "of dimensions that the model leaves open");
  app.add_flag("--structure-only", structure_only, "flip no bits of the weights");
  CLI11_PARSE(app, argc, argv);
  set_log_level(LogLevel::off);

  // A private, writable mapping: a flipped bit costs one page, not a copy of the file.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const auto size = static_cast<size_t>(std::filesystem::file_size(path));
  void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  ::close(fd);
  if (memory == MAP_FAILED) {
    fmt::print(stderr, "cannot map {}\n", path);
    return 2;
  }
  const std::span<std::byte> file(static_cast<std::byte*>(memory), size);

  Driver driver(free_extent, size > kLarge);
  driver.use(file, "the whole file");
  for (int i = 0; i < cuts; ++i)
    driver.use(file.first(size * static_cast<size_t>(i) / static_cast<size_t>(cuts)),
               fmt::format("cut {}/{}", i, cuts));

  std::vector<Range> spared;
  if (structure_only || size > kLarge) spared = weight_ranges(file);
  size_t candidates = size;
  for (const auto& [begin, end] : spared) candidates -= end - begin;
  fmt::print("{}: {} bytes, {} of them are flipped\n", path, size, candidates);
  std::mt19937_64 random(seed);
  for (int i = 0; i < flips; ++i) {
    const size_t at = nth_outside(spared, random() % candidates);
    const auto mask = static_cast<std::byte>(1u << (random() % 8));
    file[at] ^= mask;
    driver.use(file, fmt::format("byte {} ^ {:#04x}", at, static_cast<int>(mask)));
    file[at] ^= mask;
  }
  return driver.report() ? 0 : 1;
}

}  // namespace
}  // namespace fovea

int main(int argc, char** argv) { return fovea::run(argc, argv); }
