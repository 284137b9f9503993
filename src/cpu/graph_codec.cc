#include "cpu/graph_codec.h"

#include "base/error.h"
#include "graph/verify.h"

namespace fovea::cpu {
namespace {

/// Kinds of attributes: the places of Attribute's alternatives.
enum Kind : uint64_t { kInteger, kFloat, kString, kTensor, kIntegers, kFloats, kStrings, kGraph };
static_assert(std::variant_size_v<Attribute> == 8);

class GraphWriter {
 public:
  GraphWriter(ByteWriter& out, const Graph& graph, const NumberConstant& number)
      : out_(out), graph_(graph), number_(number) {}

  void write(std::vector<ValueId>* ids, const std::function<std::optional<uint64_t>(ValueId)>& extra) {
    ids_.assign(graph_.value_slots(), kNoValue);
    for (ValueId v : graph_.inputs) see(v);
    for (const Graph::Capture& capture : graph_.captures) see(capture.inner);
    for (NodeId id : graph_.order()) {
      const Node& node = graph_.node(id);
      for (const auto* list : {&node.inputs, &node.captures, &node.outputs})
        for (ValueId v : *list) see(v);
    }
    for (ValueId v : graph_.outputs) see(v);
    out_.text(graph_.name);
    out_.number(graph_.metadata.size());
    for (const auto& [key, value] : graph_.metadata) {
      out_.text(key);
      out_.text(value);
    }
    out_.number(seen_.size());
    for (ValueId v : seen_) value(v, extra);
    list(graph_.inputs);
    out_.number(graph_.captures.size());
    for (const Graph::Capture& capture : graph_.captures) {
      out_.number(capture.index);
      reference(capture.inner);
    }
    out_.number(graph_.order().size());
    for (NodeId id : graph_.order()) node(graph_.node(id));
    list(graph_.outputs);
    if (ids) *ids = ids_;
  }

 private:
  void see(ValueId v) {
    if (v == kNoValue || ids_[static_cast<size_t>(v)] != kNoValue) return;
    ids_[static_cast<size_t>(v)] = static_cast<ValueId>(seen_.size());
    seen_.push_back(v);
  }

  void value(ValueId v, const std::function<std::optional<uint64_t>(ValueId)>& extra) {
    const Value& value = graph_.value(v);
    out_.text(value.name);
    out_.number(value.type.dtype ? 1 + static_cast<uint64_t>(*value.type.dtype) : 0);
    out_.number(value.type.shape ? 1 + value.type.shape->size() : 0);
    if (value.type.shape)
      for (const Dim& dim : *value.type.shape) {
        out_.signed_number(dim.value);
        out_.text(dim.symbol);
      }
    std::optional<uint64_t> constant;
    if (value.constant)
      constant = number_(v, *value.constant);
    else if (extra)
      constant = extra(v);
    out_.number(constant ? 1 + *constant : 0);
  }

  void reference(ValueId v) {
    out_.number(v == kNoValue ? 0 : 1 + static_cast<uint64_t>(ids_[static_cast<size_t>(v)]));
  }
  void list(const std::vector<ValueId>& values) {
    out_.number(values.size());
    for (ValueId v : values) reference(v);
  }

  void node(const Node& node) {
    out_.text(node.name);
    out_.text(node.domain);
    out_.text(node.op_type);
    out_.signed_number(node.opset);
    list(node.inputs);
    list(node.captures);
    list(node.outputs);
    out_.number(node.attributes.size());
    for (const auto& [key, attribute] : node.attributes) {
      out_.text(key);
      out_.number(attribute.index());
      std::visit([&](const auto& a) { this->attribute(a); }, attribute);
    }
  }

  void attribute(int64_t a) { out_.signed_number(a); }
  void attribute(float a) { out_.real(a); }
  void attribute(const std::string& a) { out_.text(a); }
  void attribute(const Tensor& a) { out_.tensor(a); }
  template <class T>
  void attribute(const std::vector<T>& list) {
    out_.number(list.size());
    for (const T& a : list) attribute(a);
  }
  void attribute(const std::shared_ptr<Graph>& a) { GraphWriter(out_, *a, number_).write(nullptr, nullptr); }

  ByteWriter& out_;
  const Graph& graph_;
  const NumberConstant& number_;
  std::vector<ValueId> ids_, seen_;
};

class GraphReader {
 public:
  GraphReader(ByteReader& in, const FindConstant& find, int depth) : in_(in), find_(find), depth_(depth) {}

  Result<Graph> read() {
    if (depth_ > kMaxSubgraphDepth) return invalid_model("subgraphs are nested deeper than {}", kMaxSubgraphDepth);
    graph_.name = FOVEA_TRY(in_.text());
    const size_t facts = FOVEA_TRY(in_.count());
    for (size_t i = 0; i < facts; ++i) {
      std::string key = FOVEA_TRY(in_.text());
      graph_.metadata[std::move(key)] = FOVEA_TRY(in_.text());
    }
    const size_t values = FOVEA_TRY(in_.count());
    for (size_t i = 0; i < values; ++i) FOVEA_TRY(value());
    graph_.inputs = FOVEA_TRY(list(false));
    const size_t captures = FOVEA_TRY(in_.count());
    for (size_t i = 0; i < captures; ++i) {
      const auto index = static_cast<size_t>(FOVEA_TRY(in_.number()));
      const ValueId inner = FOVEA_TRY(reference(false));
      graph_.captures.push_back({index, inner});
    }
    const size_t nodes = FOVEA_TRY(in_.count());
    for (size_t i = 0; i < nodes; ++i) FOVEA_TRY(node());
    graph_.outputs = FOVEA_TRY(list(false));
    return std::move(graph_);
  }

 private:
  Result<void> value() {
    const std::string name = FOVEA_TRY(in_.text());
    ValueType type;
    if (const uint64_t dtype = FOVEA_TRY(in_.number_up_to(1 + static_cast<uint64_t>(DType::boolean))); dtype > 0)
      type.dtype = static_cast<DType>(dtype - 1);
    if (const size_t rank = FOVEA_TRY(in_.count()); rank > 0) {
      type.shape.emplace();
      for (size_t d = 1; d < rank; ++d) {
        Dim dim;
        dim.value = FOVEA_TRY(in_.signed_number());
        if (dim.value < -1) return invalid_model("\"{}\" has an extent of {}", name, dim.value);
        dim.symbol = FOVEA_TRY(in_.text());
        type.shape->push_back(std::move(dim));
      }
    }
    const ValueId id = graph_.add_value(name, std::move(type));
    if (const uint64_t constant = FOVEA_TRY(in_.number()); constant > 0)
      graph_.set_constant(id, FOVEA_TRY(find_(constant - 1)));
    return {};
  }

  Result<ValueId> reference(bool optional) {
    const uint64_t id = FOVEA_TRY(in_.number_up_to(graph_.value_slots()));
    if (id == 0 && !optional) return invalid_model("the engine file leaves a value out that must be there");
    return id == 0 ? kNoValue : static_cast<ValueId>(id - 1);
  }
  Result<std::vector<ValueId>> list(bool optional) {
    std::vector<ValueId> values(FOVEA_TRY(in_.count()));
    for (ValueId& v : values) v = FOVEA_TRY(reference(optional));
    return values;
  }

  Result<void> node() {
    Node node;
    node.name = FOVEA_TRY(in_.text());
    node.domain = FOVEA_TRY(in_.text());
    node.op_type = FOVEA_TRY(in_.text());
    node.opset = static_cast<int>(FOVEA_TRY(in_.signed_number()));
    node.inputs = FOVEA_TRY(list(true));
    node.captures = FOVEA_TRY(list(false));
    node.outputs = FOVEA_TRY(list(true));
    for (ValueId v : node.outputs)
      if (v != kNoValue && (graph_.value(v).producer != kNoNode || graph_.constant(v) != nullptr))
        return invalid_model("\"{}\" is made twice", graph_.value(v).name);
    const size_t attributes = FOVEA_TRY(in_.count());
    for (size_t i = 0; i < attributes; ++i) {
      std::string key = FOVEA_TRY(in_.text());
      node.attributes.insert_or_assign(std::move(key), FOVEA_TRY(attribute()));
    }
    graph_.add_node(std::move(node));
    return {};
  }

  template <class T, class Read>
  Result<Attribute> attributes(size_t least_bytes, Read read) {
    std::vector<T> list(FOVEA_TRY(in_.count(least_bytes)));
    for (T& item : list) item = FOVEA_TRY(read());
    return Attribute(std::move(list));
  }

  Result<Attribute> attribute() {
    switch (FOVEA_TRY(in_.number_up_to(kGraph))) {
      case kInteger: return Attribute(FOVEA_TRY(in_.signed_number()));
      case kFloat: return Attribute(FOVEA_TRY(in_.real()));
      case kString: return Attribute(FOVEA_TRY(in_.text()));
      case kTensor: return Attribute(FOVEA_TRY(in_.tensor()));
      case kIntegers: return attributes<int64_t>(1, [&] { return in_.signed_number(); });
      case kFloats: return attributes<float>(4, [&] { return in_.real(); });
      case kStrings: return attributes<std::string>(1, [&] { return in_.text(); });
      default: return Attribute(std::make_shared<Graph>(FOVEA_TRY(GraphReader(in_, find_, depth_ + 1).read())));
    }
  }

  ByteReader& in_;
  const FindConstant& find_;
  int depth_;
  Graph graph_;
};

}  // namespace

void write_graph(ByteWriter& out, const Graph& graph, const NumberConstant& number, std::vector<ValueId>* ids,
                 const std::function<std::optional<uint64_t>(ValueId)>& extra) {
  GraphWriter(out, graph, number).write(ids, extra);
}

Result<Graph> read_graph(ByteReader& in, const FindConstant& find) {
  Graph graph = FOVEA_TRY(GraphReader(in, find, 0).read());
  if (const auto verified = verify(graph); !verified.ok())
    return invalid_model("the engine file holds no graph that can be: {}", verified.error().to_string());
  return graph;
}

}  // namespace fovea::cpu
