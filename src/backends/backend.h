// What every way of running models provides: Backend compiles a model, Engine runs it.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/options.h"
#include "fovea/result.h"
#include "fovea/tensor.h"
#include "graph/graph.h"

namespace fovea::backends {

/// A model as backends get it: the native one takes the graph, outside runtimes read the file themselves.
struct Source {
  std::filesystem::path path;
  std::shared_ptr<const Graph> graph;  // nullptr where the file is not ONNX, or nobody needed it yet
};

/// An input or output of an engine, as the model declares it.
struct Port {
  std::string name;
  ValueType type;
};

/// Time of one step of the last run, where the backend can tell.
struct StepTime {
  std::string node;    // 'Conv "layer1.0.conv1"'
  std::string kernel;  // what ran it
  double ms = 0;
  double gmac = 0;
};

/// A line about an engine: {"provider", "CUDAExecutionProvider"}.
struct Fact {
  std::string name, value;
};

class Engine {
 public:
  virtual ~Engine() = default;
  /// What run() takes and returns, in that order. Inputs with a default in the model are not among them.
  virtual std::span<const Port> inputs() const = 0;
  virtual std::span<const Port> outputs() const = 0;
  virtual int threads() const = 0;

  /// Several threads may call it at once. `steps`, if given, is filled where the backend can time its steps, else
  /// emptied. Error: invalid_argument where a tensor does not fit its port; what the runtime reports.
  virtual Result<std::vector<Tensor>> run(std::span<const Tensor> inputs, std::vector<StepTime>* steps) = 0;
  Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) { return run(inputs, nullptr); }

  /// The same into memory of the caller's, one view for each output. Error: invalid_argument where a view has not the
  /// type that the output turns out to have; then the others may have been written.
  virtual Result<void> run_into(std::span<const Tensor> inputs, std::span<const MutableView> outputs) = 0;

  /// Does ahead what the first run with inputs of these types would do.
  virtual Result<void> prepare(std::span<const TensorType> inputs) = 0;

  /// From then on run() takes photos as bytes, too, {N, H, W, 3}, in place of the one input, an f32 image of three
  /// channels: value v of channel c stands for table[256 * c + v]. Not while another call runs. False where it cannot.
  virtual bool accept_photos(std::span<const float> /*table*/, bool /*channels_first*/) { return false; }

  /// The model as a graph, perhaps without the elements of its weights; nullptr where the runtime has none.
  virtual std::shared_ptr<const Graph> model() const { return nullptr; }

  /// What it can say of itself: the options as the runtime reads them back, whether the cache served it.
  virtual std::vector<Fact> facts() const { return {}; }
};

/// A setting of a backend, under its own name: -O name=value.
struct Option {
  std::string_view name;
  std::string_view meaning;
};

/// What is behind a backend on this machine.
struct Library {
  std::string version;             // "1.31.1"
  std::filesystem::path location;  // empty for what is built in
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  /// What is behind it, for people: "ONNX Runtime".
  virtual std::string_view title() const = 0;
  /// What may follow the name after a colon; the first one is used where nothing does.
  virtual std::span<const std::string_view> devices() const = 0;
  virtual std::span<const Option> options() const = 0;
  /// Model files that it reads, the preferred first: ".onnx".
  virtual std::span<const std::string_view> suffixes() const = 0;
  /// Whether it can run here on this device, with the library that it would use. Error: unavailable, with the fix.
  virtual Result<Library> probe(std::string_view device, const CompileOptions& options) const = 0;
  /// Precondition: `device` is one of devices(). Error: unsupported or invalid_model, naming the node;
  /// invalid_argument for an option or a precision that it lacks.
  virtual Result<std::unique_ptr<Engine>> compile(const Source& source, std::string_view device,
                                                  const CompileOptions& options) const = 0;
};

}  // namespace fovea::backends
