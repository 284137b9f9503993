// Einsum of one or two operands -> Transpose, Reshape, MatMul, Mul, ReduceSum
//
//     "bqhc,bkhc->bhqk"      MatMul of a stack (b, h) of matrices (q, c) and (c, k)
//     "byhwc,hkc->byhwk"     the same: b and y are axes of the stack that the second operand repeats along
//     "i,j->ij"              Mul
//
// A letter of both operands is either in the result, an axis of the stack, or summed; one of a single operand is a row
// of the left matrix, a column of the right one, or, where the result lacks it, summed beforehand. Which operand is the
// left one and which rows or columns the stack takes in is open: what copies the fewest elements is taken.
#include <algorithm>
#include <limits>
#include <map>

#include "base/checked.h"
#include "ops/einsum.h"
#include "ops/evaluate.h"
#include "passes/catalogue.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

bool contains(const std::string& letters, char c) { return letters.find(c) != std::string::npos; }

template <class Test>
std::string those(const std::string& letters, const Test& test) {
  std::string kept;
  std::ranges::copy_if(letters, std::back_inserter(kept), test);
  return kept;
}
std::string in(const std::string& letters, const std::string& others) {
  return those(letters, [&](char c) { return contains(others, c); });
}
std::string without(const std::string& letters, const std::string& others) {
  return those(letters, [&](char c) { return !contains(others, c); });
}

/// A value whose axes are named by letters.
struct Labelled {
  ValueId value = kNoValue;
  std::string letters;
};

/// A product of two stacks of matrices.
struct Form {
  Labelled a, b;                      // the left and the right operand
  std::string stack;                  // axes of the stack, those that only one operand has among them
  std::string rows, columns, summed;  // axes of the matrices

  std::string a_order() const { return in(stack, a.letters) + rows + summed; }
  std::string b_order() const { return in(stack, b.letters) + summed + columns; }
  std::string order() const { return stack + rows + columns; }
};

/// Writes the nodes, in front of `place`.
class Writer {
 public:
  Writer(Graph& graph, NodeId place, std::map<char, int64_t> extents)
      : graph_(graph), place_(place), name_(graph.node(place).name), extents_(std::move(extents)) {}

  Shape shape(const std::string& letters) const {
    Shape shape;
    for (const char c : letters) shape.push_back(extents_.at(c));
    return shape;
  }
  int64_t count(const std::string& letters) const { return element_count(shape(letters)); }

  /// Elements that reordering the axes copies: constants are reordered here and now, axes of one element stay anywhere.
  int64_t copied(const Labelled& x, const std::string& order) const {
    const auto longer = [&](char c) { return extents_.at(c) != 1; };
    const bool moves = those(x.letters, longer) != those(order, longer);
    return moves && graph_.constant(x.value) == nullptr ? count(order) : 0;
  }
  /// About how long it takes, in copied elements: those that axes are reordered for, those of the right operand that
  /// are packed for each product anew, and sums. Narrow matrices are multiplied in vectors that they do not fill.
  int64_t cost(const Form& form, const std::string& result) const {
    constexpr int64_t kVector = 16, kSumsAnElement = 32;
    const int64_t width = round_up(count(form.columns), kVector), products = count(form.stack);
    const bool packed_once = graph_.constant(form.b.value) != nullptr && in(form.stack, form.b.letters).empty();
    const int64_t packed = packed_once ? 0 : products * count(form.summed) * width;
    const int64_t sums = products * count(form.rows) * count(form.summed) * width;
    return copied(form.a, form.a_order()) + copied(form.b, form.b_order()) + copied({kNoValue, form.order()}, result) +
           packed + sums / kSumsAnElement;
  }

  Result<Labelled> reordered(const Labelled& x, const std::string& order) {
    if (x.letters == order) return x;
    std::vector<int64_t> perm;
    for (const char c : order) perm.push_back(static_cast<int64_t>(x.letters.find(c)));
    Node node = made("Transpose", 13, {x.value});
    node.attributes["perm"] = perm;
    return Labelled{FOVEA_TRY(put(std::move(node), shape(order))), order};
  }
  /// Sums up the letters that are not among `kept`.
  Result<Labelled> reduced(const Labelled& x, const std::string& kept) {
    std::vector<int64_t> axes;
    for (size_t d = 0; d < x.letters.size(); ++d)
      if (!contains(kept, x.letters[d])) axes.push_back(static_cast<int64_t>(d));
    if (axes.empty()) return x;
    Node node = made("ReduceSum", 13, {x.value, list("axes", axes)});
    node.attributes["keepdims"] = int64_t{0};
    const std::string rest = in(x.letters, kept);
    return Labelled{FOVEA_TRY(put(std::move(node), shape(rest))), rest};
  }
  ValueId reshaped(ValueId value, const Shape& to) {
    if (shape_of(graph_, value) == to) return value;
    if (const Tensor* t = graph_.constant(value)) return graph_.add_constant(graph_.value(value).name, t->reshaped(to));
    return insert_node(graph_, place_, made("Reshape", 14, {value, list("shape", to)}),
                       ValueType::of({DType::f32, to}));
  }
  /// The operand with axes of one element for the letters of `all` that it lacks, then these axes. Precondition: it
  /// lies in the order of `all`.
  ValueId spread(const Labelled& x, const std::string& all, const Shape& then) {
    Shape to;
    for (const char c : all)
      if (contains(x.letters, c))
        to.push_back(extents_.at(c));
      else if (!to.empty())
        to.push_back(1);
    to.insert(to.end(), then.begin(), then.end());
    return reshaped(x.value, to);
  }

  Result<Labelled> product(const Form& form) {
    const Labelled a = FOVEA_TRY(reordered(form.a, form.a_order())), b = FOVEA_TRY(reordered(form.b, form.b_order()));
    const int64_t rows = count(form.rows), depth = count(form.summed), columns = count(form.columns);
    const std::vector<ValueId> operands = {spread(a, form.stack, {rows, depth}),
                                           spread(b, form.stack, {depth, columns})};
    Shape matrices = shape(form.stack);
    matrices.insert(matrices.end(), {rows, columns});
    const ValueId y = insert_node(graph_, place_, made("MatMul", 13, operands), ValueType::of({DType::f32, matrices}));
    return Labelled{reshaped(y, shape(form.order())), form.order()};
  }
  /// The product of elements, over these letters.
  Result<Labelled> elementwise(const Labelled& a, const Labelled& b, const std::string& all) {
    std::vector<ValueId> operands;
    for (const Labelled& x : {a, b}) operands.push_back(spread(FOVEA_TRY(reordered(x, in(all, x.letters))), all, {}));
    return Labelled{insert_node(graph_, place_, made("Mul", 14, operands), ValueType::of({DType::f32, shape(all)})),
                    all};
  }

 private:
  Node made(std::string_view type, int opset, std::vector<ValueId> inputs) const {
    Node node;
    node.name = name_;
    node.op_type = type;
    node.opset = opset;
    node.inputs = std::move(inputs);
    return node;
  }
  ValueId list(std::string_view name, const std::vector<int64_t>& values) {
    return graph_.add_constant(name, Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values));
  }
  /// The node's output; a constant, if its inputs are.
  Result<ValueId> put(Node node, const Shape& to) {
    std::vector<const Tensor*> known;
    for (ValueId v : node.inputs) known.push_back(graph_.constant(v));
    if (contains_null(known)) return insert_node(graph_, place_, std::move(node), ValueType::of({DType::f32, to}));
    node.outputs = {kNoValue};
    const auto op = FOVEA_TRY(ops::parse_operator(node));
    const auto values = FOVEA_TRY(ops::evaluate(*op, known, 1));
    return graph_.add_constant(graph_.value(node.inputs[0]).name, values.front());
  }
  static bool contains_null(const std::vector<const Tensor*>& tensors) {
    return std::ranges::find(tensors, nullptr) != tensors.end();
  }

  Graph& graph_;
  NodeId place_;
  std::string name_;
  std::map<char, int64_t> extents_;
};

/// The cheapest product for the equation.
Form cheapest(const Writer& writer, const std::vector<Labelled>& operands, const std::string& result) {
  Form best;
  int64_t least = std::numeric_limits<int64_t>::max();
  for (const size_t left : {0, 1}) {
    Form form{operands[left], operands[1 - left], {}, {}, {}, {}};
    const std::string both = in(result, in(form.a.letters, form.b.letters));
    const size_t needed = both.empty() ? 0 : result.find(both.back()) + 1;
    // The stack: what both have, or the result's first axes, as far as these hold them all.
    std::vector<std::string> stacks = {both};
    for (size_t length = needed; length <= result.size(); ++length) stacks.push_back(result.substr(0, length));
    for (const std::string& stack : stacks)
      for (const Labelled& summing : {form.a, form.b}) {
        form.stack = stack;
        form.rows = in(without(result, stack), form.a.letters);
        form.columns = in(without(result, stack), form.b.letters);
        form.summed = without(in(summing.letters, in(form.a.letters, form.b.letters)), result);
        const int64_t cost = writer.cost(form, result);
        if (cost >= least) continue;
        least = cost;
        best = form;
      }
  }
  return best;
}

Result<Labelled> expanded(Writer& writer, std::vector<Labelled> operands, const std::string& result) {
  if (operands.size() == 1) return writer.reordered(FOVEA_TRY(writer.reduced(operands[0], result)), result);
  for (const size_t i : {0, 1}) operands[i] = FOVEA_TRY(writer.reduced(operands[i], result + operands[1 - i].letters));
  const std::string &a = operands[0].letters, &b = operands[1].letters;
  const std::string summed = without(a, result);
  if (summed.empty() || (a.size() == b.size() && in(a, b) == a))
    return writer.reduced(FOVEA_TRY(writer.elementwise(operands[0], operands[1], result + summed)), result);
  return writer.reordered(FOVEA_TRY(writer.product(cheapest(writer, operands, result))), result);
}

}  // namespace

Outcome expand_einsum(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (!node.is("Einsum")) return no_match();
  const auto op = ops::parse_operator(node);
  const auto* einsum = op.ok() ? dynamic_cast<const ops::Einsum*>(op->get()) : nullptr;
  if (einsum == nullptr) return no_match();
  if (einsum->terms.size() > 2) return refused("more than two operands");
  std::vector<Labelled> operands;
  std::map<char, int64_t> extents;
  for (size_t i = 0; i < einsum->terms.size(); ++i) {
    const std::string& letters = einsum->terms[i];
    const auto shape = shape_of(graph, node.inputs[i]);
    if (!shape || !is_f32(graph, node.inputs[i])) return refused("not f32");
    if (contains(letters, ops::Einsum::kEllipsis)) return refused("an ellipsis");
    for (size_t d = 0; d < letters.size(); ++d) {
      if (letters.find(letters[d]) != d) return refused("a diagonal: a letter twice in one operand");
      if ((*shape)[d] == 0) return refused("an empty operand");
      if (extents.try_emplace(letters[d], (*shape)[d]).first->second != (*shape)[d])
        return refused("an axis of one element that is repeated");
    }
    operands.push_back({node.inputs[i], letters});
  }
  const std::string result = einsum->result;
  Writer writer(graph, id, std::move(extents));
  const auto made = expanded(writer, std::move(operands), result);
  if (!made.ok()) return refused(made.error().message);
  graph.replace_uses(graph.node(id).outputs[0], made->value);
  graph.remove_node(id);
  return applied();
}

}  // namespace fovea::passes
