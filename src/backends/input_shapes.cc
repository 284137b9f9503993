#include "backends/input_shapes.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "base/error.h"

namespace fovea::backends {

Result<void> set_input_shapes(Graph& graph, const std::map<std::string, Shape>& shapes) {
  for (const auto& [name, shape] : shapes) {
    const auto found = std::ranges::find(graph.inputs, name, [&](ValueId id) { return graph.value(id).name; });
    if (found == graph.inputs.end()) {
      std::vector<std::string> names;
      for (ValueId id : graph.inputs)
        if (!graph.constant(id)) names.push_back(graph.value(id).name);
      return invalid_argument("the model has no input \"{}\"", name)
          .with_fix(fmt::format("its inputs are {}", fmt::join(names, ", ")));
    }
    const ValueType& declared = graph.value(*found).type;
    const TensorType type{declared.dtype.value_or(DType::f32), shape};
    if (!accepts(declared, type))
      return invalid_argument("--shape {}={}, but the model's input is {}", name, to_string(shape), to_string(declared))
          .with_fix("give only what the model leaves open");
    graph.set_type(*found, ValueType::of(type));
  }
  return {};
}

}  // namespace fovea::backends
