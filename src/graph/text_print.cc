// Graph to text. The grammar is in text.h.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "graph/text.h"
#include "graph/text_words.h"

namespace fovea {
namespace {

template <class Bits, class T>
std::string float_text(T value) {
  if (std::isnan(static_cast<double>(value))) {
    // NaNs are told apart by their bits.
    const auto bits = std::bit_cast<Bits>(value);
    return bits == std::bit_cast<Bits>(quiet_nan<T>()) ? "nan" : fmt::format("nan({:#x})", bits);
  }
  if constexpr (sizeof(T) == 2)
    return fmt::format("{}", static_cast<float>(value));
  else
    return fmt::format("{}", value);  // the shortest text that gives the same number again
}

std::string element_text(const Tensor& tensor, int64_t i) {
  switch (tensor.dtype()) {
    case DType::f32: return float_text<uint32_t>(tensor.data<float>()[i]);
    case DType::f64: return float_text<uint64_t>(tensor.data<double>()[i]);
    case DType::f16: return float_text<uint16_t>(tensor.data<f16>()[i]);
    case DType::bf16: return float_text<uint16_t>(tensor.data<bf16>()[i]);
    case DType::i8: return fmt::format("{}", static_cast<int>(tensor.data<int8_t>()[i]));
    case DType::u8: return fmt::format("{}", static_cast<int>(tensor.data<uint8_t>()[i]));
    case DType::i16: return fmt::format("{}", tensor.data<int16_t>()[i]);
    case DType::u16: return fmt::format("{}", tensor.data<uint16_t>()[i]);
    case DType::i32: return fmt::format("{}", tensor.data<int32_t>()[i]);
    case DType::u32: return fmt::format("{}", tensor.data<uint32_t>()[i]);
    case DType::i64: return fmt::format("{}", tensor.data<int64_t>()[i]);
    case DType::u64: return fmt::format("{}", tensor.data<uint64_t>()[i]);
    case DType::boolean: return tensor.data<bool>()[i] ? "1" : "0";
  }
  return {};
}

/// Whether all elements are the same bit for bit.
bool is_uniform(const Tensor& tensor) {
  const auto* bytes = tensor.data<std::byte>();
  const size_t size = size_of(tensor.dtype());
  // Each byte equals the one that an element earlier has.
  return std::memcmp(bytes, bytes + size, tensor.bytes() - size) == 0;
}

/// A float attribute, marked as no integer.
std::string float_attribute_text(float value) {
  std::string text = float_text<uint32_t>(value);
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

class Printer {
 public:
  explicit Printer(const PrintOptions& options) : options_(options) {}

  /// `around`: the graph and the node that this is a subgraph of, or nullptr.
  void graph(const Graph& g, const Graph* outer, const Node* node) {
    text_ += "graph";
    if (!g.name.empty()) text_ += ' ' + word_text(g.name);
    if (!g.captures.empty()) {
      text_ += " [";
      list(g.captures, [&](const Graph::Capture& capture) {
        const std::string& inner = g.value(capture.inner).name;
        const std::string& source = outer->value(node->captures[capture.index]).name;
        text_ += word_text(inner);
        if (source != inner) text_ += " = " + word_text(source);
      });
      text_ += ']';
    }
    text_ += outer == nullptr ? " (" : "(";
    list(g.inputs, [&](ValueId id) { input(g.value(id)); });
    text_ += ") -> (";
    list(g.outputs, [&](ValueId id) { text_ += word_text(g.value(id).name); });
    text_ += ") {";
    body(g);
    text_ += '}';
  }

  std::string take() && { return std::move(text_); }

 private:
  void new_line() {
    text_ += '\n';
    text_.append(2 * depth_, ' ');
  }

  template <class Items, class Visit>
  void list(const Items& items, Visit visit) {
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) text_ += ", ";
      visit(items[i]);
    }
  }

  void input(const Value& value) {
    text_ += value.type.dtype || value.type.shape ? type_text(value.type) + ' ' : "";
    text_ += word_text(value.name);
    if (!value.constant) return;
    text_ += " = ";
    elements(*value.constant);
  }

  void body(const Graph& g) {
    ++depth_;
    const size_t start = text_.size();
    for (const auto& [key, value] : g.metadata) {
      new_line();
      text_ += "metadata " + quoted(key) + " = " + quoted(value);
    }
    for (size_t i = 0; i < g.value_slots(); ++i) {
      const auto id = static_cast<ValueId>(i);
      const Value& value = g.value(id);
      if (!value.constant || std::ranges::find(g.inputs, id) != g.inputs.end()) continue;
      if (g.users(id).empty() && !g.is_output(id)) continue;
      new_line();
      text_ += word_text(value.name) + " = constant ";
      tensor(*value.constant);
    }
    for (NodeId id : g.order()) {
      new_line();
      node(g, g.node(id));
    }
    --depth_;
    if (text_.size() > start) new_line();
  }

  void node(const Graph& g, const Node& n) {
    if (n.outputs.empty()) text_ += "_";
    list(n.outputs, [&](ValueId id) { operand(g, id, true); });
    text_ += " = ";
    if (!n.domain.empty()) text_ += word_text(n.domain) + '.';
    text_ += is_plain_operator(n.op_type) ? n.op_type : quoted(n.op_type);
    text_ += fmt::format("@{}(", n.opset);
    list(n.inputs, [&](ValueId id) { operand(g, id, false); });
    text_ += ')';
    attributes(g, n);
    if (!n.name.empty()) text_ += ' ' + quoted(n.name);
  }

  void operand(const Graph& g, ValueId id, bool with_type) {
    if (id == kNoValue) {
      text_ += '_';
      return;
    }
    const Value& value = g.value(id);
    if (with_type && (value.type.dtype || value.type.shape)) text_ += type_text(value.type) + ' ';
    text_ += word_text(value.name);
  }

  void attributes(const Graph& g, const Node& n) {
    if (n.attributes.empty()) return;
    text_ += " {";
    const char* between = "";
    const bool has_graphs = std::ranges::any_of(
        n.attributes, [](const auto& item) { return std::holds_alternative<std::shared_ptr<Graph>>(item.second); });
    depth_ += has_graphs;
    for (const auto& [name, value] : n.attributes) {
      text_ += between;
      between = has_graphs ? "," : ", ";
      if (has_graphs) new_line();
      text_ += word_text(name) + '=';
      std::visit([&](const auto& v) { attribute(g, n, v); }, value);
    }
    depth_ -= has_graphs;
    if (has_graphs) new_line();
    text_ += '}';
  }

  void attribute(const Graph&, const Node&, int64_t value) { text_ += fmt::format("{}", value); }
  void attribute(const Graph&, const Node&, float value) { text_ += float_attribute_text(value); }
  void attribute(const Graph&, const Node&, const std::string& value) { text_ += quoted(value); }
  void attribute(const Graph&, const Node&, const Tensor& value) { tensor(value); }
  void attribute(const Graph& g, const Node& n, const std::shared_ptr<Graph>& value) { graph(*value, &g, &n); }
  void attribute(const Graph&, const Node&, const std::vector<int64_t>& values) {
    text_ += fmt::format("[{}]", fmt::join(values, ", "));
  }
  void attribute(const Graph&, const Node&, const std::vector<float>& values) {
    text_ += values.empty() ? "floats[" : "[";
    list(values, [&](float value) { text_ += float_attribute_text(value); });
    text_ += ']';
  }
  void attribute(const Graph&, const Node&, const std::vector<std::string>& values) {
    text_ += values.empty() ? "strings[" : "[";
    list(values, [&](const std::string& value) { text_ += quoted(value); });
    text_ += ']';
  }

  void tensor(const Tensor& t) {
    text_ += type_text(ValueType::of(t.type())) + ' ';
    elements(t);
  }

  void elements(const Tensor& t) {
    if (t.size() > 1 && is_uniform(t)) {
      text_ += "fill(" + element_text(t, 0) + ')';
      return;
    }
    const bool cut = options_.max_elements >= 0 && t.size() > options_.max_elements;
    text_ += '{';
    for (int64_t i = 0; i < (cut ? options_.max_elements : t.size()); ++i) {
      if (i > 0) text_ += ", ";
      text_ += element_text(t, i);
    }
    text_ += cut ? fmt::format(" ... {} elements}}", t.size()) : "}";
  }

  PrintOptions options_;
  std::string text_;
  size_t depth_ = 0;
};

}  // namespace

std::string print(const Graph& graph, const PrintOptions& options) {
  Printer printer(options);
  printer.graph(graph, nullptr, nullptr);
  return std::move(printer).take() + '\n';
}

}  // namespace fovea
