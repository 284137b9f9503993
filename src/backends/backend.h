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
  std::shared_ptr<const Graph> graph;
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

  /// Does ahead what the first run with inputs of these types would do.
  virtual Result<void> prepare(std::span<const TensorType> inputs) = 0;
};

/// A setting of a backend, under its own name: -O name=value.
struct Option {
  std::string_view name;
  std::string_view meaning;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  /// The library behind it with its version: "fovea 0.1.0", "ONNX Runtime 1.31.1".
  virtual std::string library() const = 0;
  /// What may follow the name after a colon; the first one is used where nothing does.
  virtual std::span<const std::string_view> devices() const = 0;
  virtual std::span<const Option> options() const = 0;
  /// Precondition: `device` is one of devices(). Error: unsupported or invalid_model, naming the node;
  /// invalid_argument for an option or a precision that it lacks.
  virtual Result<std::unique_ptr<Engine>> compile(const Source& source, std::string_view device,
                                                  const CompileOptions& options) const = 0;
};

}  // namespace fovea::backends
