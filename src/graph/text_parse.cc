// Text to graph. The grammar is in text.h.
#include <algorithm>
#include <random>

#include "base/error.h"
#include "graph/text.h"
#include "graph/text_scanner.h"
#include "graph/text_words.h"
#include "graph/verify.h"

namespace fovea {
namespace {

template <class T>
Result<void> random_elements(std::span<T> out, uint32_t seed) {
  // mt19937's numbers are the same everywhere; the standard's distributions are not.
  std::mt19937 generator(seed);
  for (T& element : out) {
    const double unit = static_cast<double>(generator()) / 4294967296.0;  // [0, 1)
    if constexpr (std::is_same_v<T, bool>)
      element = unit < 0.5;
    else if constexpr (is_float(dtype_of<T>))
      element = static_cast<T>(2 * unit - 1);
    else
      element = static_cast<T>(static_cast<int64_t>(unit * 16) - (std::is_signed_v<T> ? 8 : 0));
  }
  return {};
}

/// Calls body.operator()<T>() for the dtype.
template <class Body>
Result<void> with_type(DType dtype, Body body) {
  switch (dtype) {
    case DType::f32: return body.template operator()<float>();
    case DType::f64: return body.template operator()<double>();
    case DType::f16: return body.template operator()<f16>();
    case DType::bf16: return body.template operator()<bf16>();
    case DType::i8: return body.template operator()<int8_t>();
    case DType::u8: return body.template operator()<uint8_t>();
    case DType::i16: return body.template operator()<int16_t>();
    case DType::u16: return body.template operator()<uint16_t>();
    case DType::i32: return body.template operator()<int32_t>();
    case DType::u32: return body.template operator()<uint32_t>();
    case DType::i64: return body.template operator()<int64_t>();
    case DType::u64: return body.template operator()<uint64_t>();
    case DType::boolean: return body.template operator()<bool>();
  }
  return {};
}

class Parser {
 public:
  explicit Parser(std::string_view text) : in_(text) {}

  Result<Graph> whole() {
    Graph result = FOVEA_TRY(graph(nullptr, nullptr, 0));
    if (in_.peek() != '\0') return in_.error("the text goes on after the graph");
    return result;
  }

 private:
  Result<Graph> graph(const Graph* outer, Node* node, int depth) {
    if (depth > kMaxSubgraphDepth) return in_.error("subgraphs nest too deep");
    if (FOVEA_TRY(in_.word()) != "graph") return in_.error("\"graph\" is expected");
    Graph g;
    if (in_.at_name()) g.name = FOVEA_TRY(in_.name());
    if (in_.take('[')) FOVEA_TRY(captures(g, outer, node));
    FOVEA_TRY(in_.expect('('));
    FOVEA_TRY(list(')', [&]() -> Result<void> { return input(g); }));
    FOVEA_TRY(in_.expect_arrow());
    FOVEA_TRY(in_.expect('('));
    std::vector<std::pair<std::string, size_t>> outputs;  // made further down
    FOVEA_TRY(list(')', [&]() -> Result<void> {
      const size_t place = in_.position();
      outputs.emplace_back(FOVEA_TRY(in_.name()), place);
      return {};
    }));
    FOVEA_TRY(in_.expect('{'));
    while (!in_.take('}')) FOVEA_TRY(statement(g, depth));
    for (const auto& [name, place] : outputs) {
      const auto id = g.find_value(name);
      if (!id) {
        in_.back_to(place);
        return in_.error(fmt::format("output \"{}\" is not made", name));
      }
      g.outputs.push_back(*id);
    }
    return g;
  }

  /// Items between commas until `end`, which is taken.
  template <class Item>
  Result<void> list(char end, Item item) {
    if (in_.take(end)) return {};
    do FOVEA_TRY(item());
    while (in_.take(','));
    return in_.expect(end);
  }

  Result<void> captures(Graph& g, const Graph* outer, Node* node) {
    if (outer == nullptr) return in_.error("only subgraphs capture values");
    return list(']', [&]() -> Result<void> {
      const std::string inner = FOVEA_TRY(in_.name());
      const std::string source = in_.take('=') ? FOVEA_TRY(in_.name()) : inner;
      const auto id = outer->find_value(source);
      if (!id) return in_.error(fmt::format("there is no value \"{}\" around", source));
      const auto place = std::ranges::find(node->captures, *id);
      const auto index = static_cast<size_t>(place - node->captures.begin());
      if (place == node->captures.end()) node->captures.push_back(*id);
      const ValueId value = FOVEA_TRY(new_value(g, inner, outer->value(*id).type));
      g.captures.push_back({index, value});
      return {};
    });
  }

  Result<ValueId> new_value(Graph& g, const std::string& name, ValueType type) {
    if (name.empty()) return in_.error("a value needs a name");
    if (g.find_value(name)) return in_.error(fmt::format("value \"{}\" is there already", name));
    return g.add_value(name, std::move(type));
  }

  /// [type] name
  Result<std::pair<ValueType, std::string>> typed_name() {
    const size_t start = in_.position();
    if (in_.at_name()) {
      std::string name = FOVEA_TRY(in_.name());
      const char next = in_.peek();
      if (next == ',' || next == '=' || next == ')') return std::pair(ValueType{}, std::move(name));
      in_.back_to(start);
    }
    ValueType type = FOVEA_TRY(in_.type());
    std::string name = FOVEA_TRY(in_.name());
    return std::pair(std::move(type), std::move(name));
  }

  Result<void> input(Graph& g) {
    auto [type, name] = FOVEA_TRY(typed_name());
    const auto concrete = type.concrete();
    const ValueId id = FOVEA_TRY(new_value(g, name, std::move(type)));
    g.inputs.push_back(id);
    if (!in_.take('=')) return {};
    if (!concrete) return in_.error("an input with a default needs its whole type");
    g.set_constant(id, FOVEA_TRY(elements(*concrete)));
    return {};
  }

  Result<void> statement(Graph& g, int depth) {
    const size_t start = in_.position();
    if (in_.at_word() && FOVEA_TRY(in_.word()) == "metadata" && in_.peek() == '"') {
      const std::string key = FOVEA_TRY(in_.quoted_string());
      FOVEA_TRY(in_.expect('='));
      g.metadata[key] = FOVEA_TRY(in_.quoted_string());
      return {};
    }
    in_.back_to(start);
    struct Target {
      ValueType type;
      std::string name;
      bool left_out;
    };
    std::vector<Target> targets;
    FOVEA_TRY(list('=', [&]() -> Result<void> {
      const bool left_out = in_.peek() == '_' && is_blank();
      auto [type, name] = FOVEA_TRY(typed_name());
      targets.push_back({std::move(type), std::move(name), left_out});
      return {};
    }));
    if (takes_constant()) {
      if (targets.size() != 1 || targets[0].left_out) return in_.error("a constant has one name");
      const ValueId id = FOVEA_TRY(new_value(g, targets[0].name, {}));
      g.set_constant(id, FOVEA_TRY(tensor()));
      return {};
    }
    Node node;
    FOVEA_TRY(operation(g, node, depth));
    for (Target& target : targets)
      node.outputs.push_back(target.left_out ? kNoValue : FOVEA_TRY(new_value(g, target.name, std::move(target.type))));
    if (node.outputs.size() == 1 && node.outputs[0] == kNoValue) node.outputs.clear();
    g.add_node(std::move(node));
    return {};
  }

  /// Whether the word here is "_" alone; nothing is taken.
  bool is_blank() {
    const size_t start = in_.position();
    const auto word = in_.word();
    in_.back_to(start);
    return word && *word == "_";
  }

  /// Takes "constant" where it is no operator's name.
  bool takes_constant() {
    const size_t start = in_.position();
    if (in_.at_word()) {
      const auto word = in_.word();
      if (word && *word == "constant" && in_.peek() != '@') return true;
    }
    in_.back_to(start);
    return false;
  }

  /// domain.Operator@version(operands) {attributes} "name"
  Result<void> operation(Graph& g, Node& node, int depth) {
    const bool is_quoted = in_.peek() == '"';
    node.op_type = FOVEA_TRY(in_.name());
    if (is_quoted && in_.take('.')) {
      node.domain = std::move(node.op_type);
      node.op_type = FOVEA_TRY(in_.name());
    } else if (!is_quoted && in_.peek() == '"' && node.op_type.ends_with('.')) {
      node.domain = node.op_type.substr(0, node.op_type.size() - 1);
      node.op_type = FOVEA_TRY(in_.quoted_string());
    } else if (const size_t dot = node.op_type.rfind('.'); !is_quoted && dot != std::string::npos) {
      node.domain = node.op_type.substr(0, dot);
      node.op_type.erase(0, dot + 1);
    }
    FOVEA_TRY(in_.expect('@'));
    node.opset = FOVEA_TRY(in_.number_as<int32_t>());
    FOVEA_TRY(in_.expect('('));
    FOVEA_TRY(list(')', [&]() -> Result<void> {
      const bool left_out = in_.peek() == '_' && is_blank();
      const std::string name = FOVEA_TRY(in_.name());
      const auto id = left_out ? std::optional(kNoValue) : g.find_value(name);
      if (!id) return in_.error(fmt::format("there is no value \"{}\" yet", name));
      node.inputs.push_back(*id);
      return {};
    }));
    if (in_.take('{'))
      FOVEA_TRY(list('}', [&]() -> Result<void> {
        std::string name = FOVEA_TRY(in_.name());
        FOVEA_TRY(in_.expect('='));
        Attribute value = FOVEA_TRY(attribute(g, node, depth));
        if (!node.attributes.emplace(name, std::move(value)).second)
          return in_.error(fmt::format("attribute \"{}\" is there twice", name));
        return {};
      }));
    // A name stands on the node's own line; a quoted value that begins the next statement is followed by , or =.
    if (in_.peek() == '"') {
      const size_t start = in_.position();
      std::string name = FOVEA_TRY(in_.quoted_string());
      if (const char next = in_.peek(); next == ',' || next == '=')
        in_.back_to(start);
      else
        node.name = std::move(name);
    }
    return {};
  }

  Result<Attribute> attribute(const Graph& g, Node& node, int depth) {
    if (in_.peek() == '"') return Attribute(FOVEA_TRY(in_.quoted_string()));
    if (in_.take('[')) return number_list();
    const size_t start = in_.position();
    if (in_.at_word()) {
      const std::string word = FOVEA_TRY(in_.word());
      if (word == "floats" && in_.take('[')) {
        FOVEA_TRY(in_.expect(']'));
        return Attribute(std::vector<float>{});
      }
      if (word == "strings" && in_.take('[')) {
        FOVEA_TRY(in_.expect(']'));
        return Attribute(std::vector<std::string>{});
      }
      in_.back_to(start);
      if (word == "graph") return Attribute(std::make_shared<Graph>(FOVEA_TRY(graph(&g, &node, depth + 1))));
      if (dtype_of_name(word)) return Attribute(FOVEA_TRY(tensor()));
    }
    const std::string text = FOVEA_TRY(in_.number());
    return number_attribute(text);
  }

  Result<Attribute> number_attribute(const std::string& text) {
    if (const auto integer = parse_number<int64_t>(text)) return Attribute(*integer);
    if (const auto number = parse_number<float>(text)) return Attribute(*number);
    return in_.error(fmt::format("{} is no number, or out of range", text));
  }

  /// What follows '[': numbers of one kind, or strings.
  Result<Attribute> number_list() {
    std::vector<int64_t> integers;
    std::vector<float> numbers;
    std::vector<std::string> strings;
    FOVEA_TRY(list(']', [&]() -> Result<void> {
      if (in_.peek() == '"') {
        strings.push_back(FOVEA_TRY(in_.quoted_string()));
        return {};
      }
      const Attribute value = FOVEA_TRY(number_attribute(FOVEA_TRY(in_.number())));
      if (const auto* integer = std::get_if<int64_t>(&value)) integers.push_back(*integer);
      if (const auto* number = std::get_if<float>(&value)) numbers.push_back(*number);
      return {};
    }));
    if (!integers.empty() + !numbers.empty() + !strings.empty() > 1)
      return in_.error("the items of a list must be of one kind (floats have a point or an exponent)");
    if (!numbers.empty()) return Attribute(std::move(numbers));
    if (!strings.empty()) return Attribute(std::move(strings));
    return Attribute(std::move(integers));
  }

  Result<Tensor> tensor() {
    const ValueType type = FOVEA_TRY(in_.type());
    const auto concrete = type.concrete();
    if (!concrete) return in_.error("a tensor needs its whole type");
    return elements(*concrete);
  }

  /// {1, 2, ...}, zeros, fill(value) or random(seed)
  Result<Tensor> elements(const TensorType& type) {
    Tensor result = FOVEA_TRY(Tensor::allocate(type.dtype, type.shape));
    const bool is_list = in_.take('{');
    const std::string word = is_list ? "" : FOVEA_TRY(in_.word());
    if (word == "zeros") return result;
    FOVEA_TRY(with_type(type.dtype, [&]<class T>() -> Result<void> {
      const std::span<T> out(result.mutable_view().as<T>(), static_cast<size_t>(result.size()));
      return is_list ? listed<T>(out) : generated<T>(word, out);
    }));
    return result;
  }

  template <class T>
  Result<void> listed(std::span<T> out) {
    size_t n = 0;
    FOVEA_TRY(list('}', [&]() -> Result<void> {
      const T value = FOVEA_TRY(in_.number_as<T>());
      if (n < out.size()) out[n] = value;
      ++n;
      return {};
    }));
    if (n != out.size()) return in_.error(fmt::format("{} values for {} elements", n, out.size()));
    return {};
  }

  template <class T>
  Result<void> generated(std::string_view word, std::span<T> out) {
    FOVEA_TRY(in_.expect('('));
    if (word == "fill")
      std::ranges::fill(out, FOVEA_TRY(in_.number_as<T>()));
    else if (word == "random")
      FOVEA_TRY(random_elements(out, FOVEA_TRY(in_.number_as<uint32_t>())));
    else
      return in_.error("{values}, zeros, fill(value) or random(seed) is expected");
    return in_.expect(')');
  }

  TextScanner in_;
};

}  // namespace

Result<Graph> parse_graph(std::string_view text) {
  Graph graph = FOVEA_TRY(Parser(text).whole());
  FOVEA_TRY(verify(graph));
  return graph;
}

}  // namespace fovea
