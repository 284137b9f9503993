#include "onnx/write.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <vector>

#include <climits>

#include "base/atomic_file.h"
#include "base/checked.h"
#include "base/error.h"
#include "graph/verify.h"
#include "onnx/onnx_wire.pb.h"
#include "onnx/read_attribute.h"
#include "ops/onnx_dtype.h"

namespace fovea::onnx {
namespace {

constexpr int64_t kAlignment = 64;  // of tensors in the data file, so that they are used where they lie
constexpr int kIrVersion = 10;      // understood since ONNX 1.16; later ones add nothing that we write

/// What goes into the data file.
struct Data {
  std::string file_name;
  int64_t from = -1;  // tensors with fewer bytes stay in the model
  int64_t size = 0;
  std::vector<std::span<const std::byte>> pieces = {};
  std::map<const void*, int64_t> offsets = {};  // tensors that share bytes are written once

  bool takes(const Tensor& tensor) const { return from >= 0 && static_cast<int64_t>(tensor.bytes()) >= from; }

  int64_t add(const Tensor& tensor) {
    static constexpr std::byte kZeros[kAlignment] = {};
    const auto [place, is_new] = offsets.try_emplace(tensor.identity(), round_up(size, kAlignment));
    if (is_new) {
      pieces.emplace_back(kZeros, static_cast<size_t>(place->second - size));
      pieces.emplace_back(tensor.data<std::byte>(), tensor.bytes());
      size = place->second + static_cast<int64_t>(tensor.bytes());
    }
    return place->second;
  }
};

class Writer {
 public:
  explicit Writer(Data& data) : data_(data) {}

  Result<wire::Model> model(const Graph& graph, const std::string& producer) {
    wire::Model model;
    model.set_ir_version(kIrVersion);
    model.set_producer_name(producer);
    FOVEA_TRY(write_graph(graph, nullptr, nullptr, *model.mutable_graph()));
    if (!opsets_.contains("")) opsets_[""] = kDefaultOpset;
    for (const auto& [domain, version] : opsets_) {
      wire::OperatorSet& import = *model.add_opset_import();
      import.set_domain(domain);
      import.set_version(version);
    }
    for (const auto& [key, value] : graph.metadata) {
      wire::Entry& entry = *model.add_metadata_props();
      entry.set_key(key);
      entry.set_value(value);
    }
    return model;
  }

  /// Bytes of the weights that stay in the model; beyond 2 GB they are left out.
  uint64_t inside() const { return inside_; }

 private:
  static constexpr int kDefaultOpset = 21;  // of a graph without nodes

  /// Names of a graph's values as they are written: what is captured has its name in the graph around, and what is the
  /// graph's own must not hide that.
  using Names = std::map<ValueId, std::string>;

  Result<void> write_graph(const Graph& graph, const Names* outer, const Node* node, wire::Graph& out) {
    const Names names = names_of(graph, outer, node);
    const auto name = [&](ValueId id) { return id == kNoValue ? std::string() : names.at(id); };
    out.set_name(graph.name.empty() ? "graph" : graph.name);
    for (ValueId id : graph.inputs) write_value(names.at(id), graph.value(id).type, *out.add_input());
    for (ValueId id : graph.outputs) write_value(names.at(id), graph.value(id).type, *out.add_output());
    for (size_t i = 0; i < graph.value_slots(); ++i) {
      const auto id = static_cast<ValueId>(i);
      const Value& value = graph.value(id);
      const bool is_input = std::ranges::find(graph.inputs, id) != graph.inputs.end();
      const bool is_used = is_input || !graph.users(id).empty() || graph.is_output(id);
      if (value.constant && is_used) {
        wire::Tensor& tensor = *out.add_initializer();
        tensor.set_name(names.at(id));
        write_tensor(*value.constant, tensor);
      } else if (value.producer != kNoNode && value.type.dtype && !graph.is_output(id)) {
        write_value(names.at(id), value.type, *out.add_value_info());
      }
    }
    for (NodeId id : graph.order()) {
      const Node& n = graph.node(id);
      wire::Node& proto = *out.add_node();
      if (!n.name.empty()) proto.set_name(n.name);
      proto.set_op_type(n.op_type);
      if (!n.domain.empty()) proto.set_domain(n.domain);
      for (ValueId v : n.inputs) proto.add_input(name(v));
      for (ValueId v : n.outputs) proto.add_output(name(v));
      FOVEA_TRY_AT(n.label(graph), note_opset(n));
      for (const auto& [key, value] : n.attributes) {
        wire::Attribute& attribute = *proto.add_attribute();
        attribute.set_name(key);
        FOVEA_TRY_AT(n.label(graph), write_attribute(value, names, n, attribute));
      }
    }
    return {};
  }

  Names names_of(const Graph& graph, const Names* outer, const Node* node) {
    Names names;
    for (const Graph::Capture& capture : graph.captures)
      names[capture.inner] = outer->at(node->captures[capture.index]);
    for (size_t i = 0; i < graph.value_slots(); ++i) {
      const auto id = static_cast<ValueId>(i);
      if (names.contains(id)) continue;
      std::string name = graph.value(id).name;
      // Names are unique over all graphs of the file: ONNX forbids one that is also known around.
      for (int suffix = 2; !taken_.insert(name).second; ++suffix)
        name = fmt::format("{}.{}", graph.value(id).name, suffix);
      names[id] = std::move(name);
    }
    return names;
  }

  Result<void> note_opset(const Node& node) {
    if (node.domain == "fovea") return unsupported("an operator of fovea's own has no place in an ONNX file");
    const auto [place, is_new] = opsets_.emplace(node.domain, node.opset);
    if (!is_new && place->second != node.opset)
      return unsupported("it has opset {}, other nodes {}: an ONNX file has one", node.opset, place->second);
    return {};
  }

  static void write_value(const std::string& name, const ValueType& type, wire::ValueInfo& out) {
    out.set_name(name);
    if (!type.dtype && !type.shape) return;
    wire::Type::Tensor& tensor = *out.mutable_type()->mutable_tensor_type();
    if (type.dtype) tensor.set_elem_type(ops::dtype_to_onnx(*type.dtype));
    if (!type.shape) return;
    wire::Shape& shape = *tensor.mutable_shape();
    for (const Dim& dim : *type.shape) {
      wire::Shape::Dimension& out_dim = *shape.add_dim();
      if (dim.known())
        out_dim.set_dim_value(dim.value);
      else if (!dim.symbol.empty())
        out_dim.set_dim_param(dim.symbol);
    }
  }

  void write_tensor(const Tensor& tensor, wire::Tensor& out) {
    for (int64_t extent : tensor.shape()) out.add_dims(extent);
    out.set_data_type(ops::dtype_to_onnx(tensor.dtype()));
    if (!data_.takes(tensor)) {
      inside_ += tensor.bytes();
      if (inside_ < INT_MAX) out.set_raw_data(tensor.raw(), tensor.bytes());
      return;
    }
    const auto entry = [&](const char* key, const std::string& value) {
      wire::Entry& e = *out.add_external_data();
      e.set_key(key);
      e.set_value(value);
    };
    out.set_data_location(1);
    entry("location", data_.file_name);
    entry("offset", std::to_string(data_.add(tensor)));
    entry("length", std::to_string(tensor.bytes()));
  }

  Result<void> write_attribute(const Attribute& value, const Names& names, const Node& node, wire::Attribute& out) {
    const auto kind = [&](AttributeKind k) { out.set_type(static_cast<int32_t>(k)); };
    if (const auto* integer = std::get_if<int64_t>(&value)) {
      kind(AttributeKind::integer);
      out.set_i(*integer);
    } else if (const auto* number = std::get_if<float>(&value)) {
      kind(AttributeKind::number);
      out.set_f(*number);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      kind(AttributeKind::text);
      out.set_s(*text);
    } else if (const auto* tensor = std::get_if<Tensor>(&value)) {
      kind(AttributeKind::tensor);
      write_tensor(*tensor, *out.mutable_t());
    } else if (const auto* integers = std::get_if<std::vector<int64_t>>(&value)) {
      kind(AttributeKind::integers);
      out.mutable_ints()->Assign(integers->begin(), integers->end());
    } else if (const auto* numbers = std::get_if<std::vector<float>>(&value)) {
      kind(AttributeKind::numbers);
      out.mutable_floats()->Assign(numbers->begin(), numbers->end());
    } else if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
      kind(AttributeKind::texts);
      for (const std::string& t : *texts) out.add_strings(t);
    } else if (const auto* graph = std::get_if<std::shared_ptr<Graph>>(&value)) {
      kind(AttributeKind::graph);
      FOVEA_TRY(write_graph(**graph, &names, &node, *out.mutable_g()));
    }
    return {};
  }

  Data& data_;
  std::map<std::string, int> opsets_;
  std::set<std::string> taken_;
  uint64_t inside_ = 0;
};

Result<std::string> serialize(const Graph& graph, const std::string& producer, Data& data) {
  FOVEA_TRY(verify(graph));
  Writer writer(data);
  const wire::Model model = FOVEA_TRY(writer.model(graph, producer));
  std::string bytes;
  if (writer.inside() >= INT_MAX || model.ByteSizeLong() >= INT_MAX || !model.SerializeToString(&bytes))
    return invalid_argument("the model has more than 2 GB, which one ONNX file cannot hold")
        .with_fix("put the weights into a data file");
  return bytes;
}

}  // namespace

Result<std::string> serialize_model(const Graph& graph, const std::string& producer) {
  Data data;
  return serialize(graph, producer, data);
}

Result<void> write_model(const Graph& graph, const std::filesystem::path& path, const WriteOptions& options) {
  Data data{.file_name = path.filename().string() + ".data", .from = options.external_from};
  const std::string bytes = FOVEA_TRY_AT(path.string(), serialize(graph, options.producer, data));
  if (!data.pieces.empty()) FOVEA_TRY(write_file_atomically(path.parent_path() / data.file_name, data.pieces));
  const std::span<const std::byte> pieces[] = {std::as_bytes(std::span(bytes))};
  return write_file_atomically(path, pieces);
}

}  // namespace fovea::onnx
