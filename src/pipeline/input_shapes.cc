#include "pipeline/input_shapes.h"

#include <algorithm>
#include <charconv>

#include <fmt/ranges.h>

#include "base/error.h"

namespace fovea::pipeline {

Result<std::pair<std::string, Shape>> parse_input_shape(std::string_view text) {
  const auto refuse = [&] {
    return invalid_argument("\"{}\" is no shape", text).with_fix("write --shape name=1x3x224x224");
  };
  const size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0) return refuse();
  Shape shape;
  const char* at = text.data() + equals + 1;
  const char* end = text.data() + text.size();
  while (true) {
    int64_t extent = 0;
    const auto [next, error] = std::from_chars(at, end, extent);
    if (error != std::errc() || extent < 0) return refuse();
    shape.push_back(extent);
    if (next == end) break;
    if (*next != 'x') return refuse();
    at = next + 1;
  }
  return std::pair(std::string(text.substr(0, equals)), std::move(shape));
}

Result<void> set_input_shapes(Graph& graph, const InputShapes& shapes) {
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

}  // namespace fovea::pipeline
