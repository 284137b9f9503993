// OpenVINO's types and exceptions as the border's.
#include "types.h"

#include <array>
#include <sstream>

namespace fovea::plugin {
namespace {

/// In the order of FOVEA_F32, ...
const std::array<ov::element::Type, 13>& element_types() {
  static const std::array<ov::element::Type, 13> types = {
      ov::element::f32, ov::element::f64, ov::element::f16,    ov::element::bf16, ov::element::i8,
      ov::element::u8,  ov::element::i16, ov::element::u16,    ov::element::i32,  ov::element::u32,
      ov::element::i64, ov::element::u64, ov::element::boolean};
  return types;
}

constexpr size_t kLongestMessage = 400;

}  // namespace

int32_t to_dtype(const ov::element::Type& type, const std::string& port) {
  if (type.is_dynamic()) return -1;
  const auto& types = element_types();
  for (size_t i = 0; i < types.size(); ++i)
    if (types[i] == type) return static_cast<int32_t>(i);
  fail(FOVEA_UNSUPPORTED, "\"" + port + "\" is of type " + type.get_type_name() + ", which fovea has not",
       "use a model with numbers of 8 bits or more");
}

ov::element::Type to_element_type(int32_t dtype) {
  const auto& types = element_types();
  if (dtype < 0 || static_cast<size_t>(dtype) >= types.size())
    fail(FOVEA_INVALID_ARGUMENT, "there is no dtype " + std::to_string(dtype));
  return types[static_cast<size_t>(dtype)];
}

Port to_port(const ov::Output<const ov::Node>& value) {
  Port port;
  port.name = value.get_names().empty() ? value.get_node()->get_friendly_name() : value.get_any_name();
  port.dtype = to_dtype(value.get_element_type(), port.name);
  const ov::PartialShape& shape = value.get_partial_shape();
  port.has_shape = shape.rank().is_static();
  if (port.has_shape)
    for (const ov::Dimension& d : shape) port.shape.push_back(d.is_static() ? d.get_length() : -1);
  return port;
}

std::string message_of(const std::exception& e) {
  std::istringstream lines(e.what());
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.starts_with("Exception from ")) continue;
    text += (text.empty() ? "" : " ") + line;
  }
  if (text.size() > kLongestMessage) text = text.substr(0, kLongestMessage) + "...";
  return text.empty() ? "no reason given" : text;
}

}  // namespace fovea::plugin
