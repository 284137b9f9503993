#include "pipeline/input_shapes.h"

#include <charconv>

#include "backends/input_shapes.h"
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

std::string example_shape(const ValueType& type) {
  if (!type.shape) return "1x3x224x224";
  const std::vector<Dim>& shape = *type.shape;
  const bool image = shape.size() == 4, last = image && shape[3].value == 3 && shape[1].value != 3;
  const int64_t first_form[] = {1, 3, 224, 224}, last_form[] = {1, 224, 224, 3};
  std::string text;
  for (size_t d = 0; d < shape.size(); ++d) {
    const int64_t usual = !image ? 1 : last ? last_form[d] : first_form[d];
    text += fmt::format("{}{}", d > 0 ? "x" : "", shape[d].known() ? shape[d].value : usual);
  }
  return text;
}

Result<void> set_input_shapes(Graph& graph, const InputShapes& shapes) {
  return backends::set_input_shapes(graph, shapes);
}

}  // namespace fovea::pipeline
