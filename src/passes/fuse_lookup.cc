// QuantizeLinear(f(DequantizeLinear(x))) -> fovea.QLookup(x, table of 256), or x itself
//
// f is any elementwise formula over one tensor of bytes: activations, constants of one element, other scales, Q/DQ
// pairs between them. The table is what the reference kernels make of the 256 values, so it is exact.
#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "base/error.h"
#include "ops/evaluate.h"
#include "passes/catalogue.h"
#include "passes/quantised.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

constexpr std::string_view kElementwise[] = {"Abs",
                                             "Add",
                                             "Celu",
                                             "Clip",
                                             "Div",
                                             "Elu",
                                             "Erf",
                                             "Exp",
                                             "Gelu",
                                             "Identity",
                                             "Log",
                                             "HardSwish",
                                             "LeakyRelu",
                                             "Max",
                                             "Min",
                                             "Mish",
                                             "Mul",
                                             "Neg",
                                             "Pow",
                                             "Relu",
                                             "Selu",
                                             "Reciprocal",
                                             "Sigmoid",
                                             "HardSigmoid",
                                             "Sqrt",
                                             "Sub",
                                             "Softplus",
                                             "Softsign",
                                             "Swish",
                                             "Tanh",
                                             "QuantizeLinear",
                                             "DequantizeLinear"};
constexpr int kDeepest = 12;

/// Evaluates a formula on all bytes that its one source can hold.
class Formula {
 public:
  explicit Formula(const Graph& graph) : graph_(graph) {}

  /// Walks from `value` to the bytes that it is made of; false where it is no formula over one tensor of bytes.
  bool trace(ValueId value, int depth = 0) {
    const Tensor* constant = graph_.constant(value);
    if (constant != nullptr) return constant->size() == 1;
    if (depth > 0 && is_source(value)) {
      const NodeId producer = graph_.value(value).producer;
      if (producer != kNoNode && graph_.node(producer).is("QLookup", "fovea"))
        return note(graph_.node(producer).inputs[0]);
      return note(value);
    }
    const NodeId producer = graph_.value(value).producer;
    if (producer == kNoNode || depth > kDeepest) return false;
    const Node& node = graph_.node(producer);
    const bool known = node.domain.empty() && node.outputs.size() == 1 && node.opset >= 7 &&
                       std::ranges::find(kElementwise, node.op_type) != std::end(kElementwise);
    if (!known) return false;
    // Each value once, however often the formula names it.
    if (!traced_.insert(value).second) return true;
    return std::ranges::all_of(node.inputs, [&](ValueId v) { return v == kNoValue || trace(v, depth + 1); });
  }

  ValueId source() const { return source_; }

  /// The 256 results, in the order of the source's values.
  Result<Tensor> table(ValueId value) {
    Tensor all = FOVEA_TRY(Tensor::allocate(*graph_.value(source_).type.dtype, {256}));
    auto* bytes = all.mutable_view().as<uint8_t>();
    std::iota(bytes, bytes + 256, all.dtype() == DType::i8 ? uint8_t{128} : uint8_t{0});
    known_[source_] = all;
    return evaluate(value);
  }

 private:
  bool is_source(ValueId value) const {
    const auto dtype = graph_.value(value).type.dtype;
    return dtype == DType::u8 || dtype == DType::i8;
  }
  bool note(ValueId value) {
    if (source_ != kNoValue && source_ != value) return false;
    source_ = value;
    return true;
  }

  Result<Tensor> evaluate(ValueId value) {
    if (const Tensor* constant = graph_.constant(value)) return constant->reshaped({});
    if (const auto found = known_.find(value); found != known_.end()) return found->second;
    const Node& node = graph_.node(graph_.value(value).producer);
    std::vector<Tensor> operands(node.inputs.size());
    std::vector<const Tensor*> given(node.inputs.size(), nullptr);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNoValue) continue;
      const Tensor* constant = graph_.constant(node.inputs[i]);
      operands[i] = constant != nullptr && constant->size() == 256 ? *constant : FOVEA_TRY(evaluate(node.inputs[i]));
      given[i] = &operands[i];
    }
    const auto op = FOVEA_TRY(ops::parse_operator(node));
    std::vector<Tensor> results = FOVEA_TRY(ops::evaluate(*op, given, 1));
    known_[value] = results[0];
    return results[0];
  }

  const Graph& graph_;
  ValueId source_ = kNoValue;
  std::set<ValueId> traced_;
  std::map<ValueId, Tensor> known_;
};

bool is_identity(const Tensor& table, DType source) {
  if (table.dtype() != source) return false;
  const uint8_t first = source == DType::i8 ? 128 : 0;
  for (int i = 0; i < 256; ++i)
    if (table.data<uint8_t>()[i] != static_cast<uint8_t>(i + first)) return false;
  return true;
}

}  // namespace

Outcome fuse_lookup(Graph& graph, NodeId id) {
  if (!quantiser(graph, id)) return no_match();
  const ValueId result = graph.node(id).outputs[0];
  Formula formula(graph);
  if (!formula.trace(graph.node(id).inputs[0], 0) || formula.source() == kNoValue) return no_match();
  if (shape_of(graph, formula.source()) != shape_of(graph, result)) return refused("the formula broadcasts its source");
  auto table = formula.table(result);
  if (!table.ok() || table->shape() != Shape{256}) return refused("its table cannot be computed");
  if (is_identity(*table, *graph.value(formula.source()).type.dtype)) {
    graph.replace_uses(result, formula.source());
    return applied();
  }
  Node lookup;
  lookup.name = graph.node(id).name;
  lookup.domain = "fovea";
  lookup.op_type = "QLookup";
  lookup.opset = 1;
  lookup.inputs = {formula.source(), graph.add_constant("table", *table)};
  replace_node(graph, id, std::move(lookup));
  return applied();
}

}  // namespace fovea::passes
