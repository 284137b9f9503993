#include "pipeline/multiply_adds.h"

#include <algorithm>
#include <map>

namespace fovea::pipeline {
namespace {

class Shapes {
 public:
  Shapes(const Graph& graph, const Node& node) : graph_(graph), node_(node) {}
  /// The shape of an input or output; nothing where it is left out or not known.
  std::optional<Shape> in(size_t i) const { return at(node_.inputs, i); }
  std::optional<Shape> out() const { return at(node_.outputs, 0); }

 private:
  std::optional<Shape> at(const std::vector<ValueId>& list, size_t i) const {
    if (i >= list.size() || list[i] == kNoValue) return std::nullopt;
    const auto type = graph_.value(list[i]).type.concrete();
    return type ? std::optional(type->shape) : std::nullopt;
  }
  const Graph& graph_;
  const Node& node_;
};

// In doubles: shapes are of any size here.
double count(const Shape& shape, size_t from = 0) {
  double product = 1;
  for (size_t d = from; d < shape.size(); ++d) product *= static_cast<double>(shape[d]);
  return product;
}
double extent(const Shape& shape, size_t from_end) {
  return from_end < shape.size() ? static_cast<double>(shape[shape.size() - 1 - from_end]) : 1;
}

/// Every output is a sum over one filter.
double convolution(const std::optional<Shape>& weight, const std::optional<Shape>& out) {
  return weight && out ? count(*out) * count(*weight, 1) : 0;
}

double matrix_product(const std::optional<Shape>& a, const std::optional<Shape>& out) {
  return a && out ? count(*out) * extent(*a, 0) : 0;
}

/// One for each combination of its indices. An ellipsis is counted once, with the broadcast extents of the output.
double einsum(const Node& node, const Shapes& shapes) {
  const auto* equation = node.attribute<std::string>("equation");
  if (!equation) return 0;
  std::string terms;
  for (char c : *equation)
    if (c != ' ') terms += c;
  terms = terms.substr(0, terms.find("->"));
  std::map<char, double> extents;
  std::map<size_t, double> ellipsis;  // by position from the end
  size_t operand = 0;
  for (size_t begin = 0; begin <= terms.size(); ++operand) {
    const size_t end = std::min(terms.find(',', begin), terms.size());
    const std::string term = terms.substr(begin, end - begin);
    const auto shape = shapes.in(operand);
    if (!shape) return 0;
    const size_t dots = term.find("...");
    const size_t letters = dots == std::string::npos ? term.size() : term.size() - 3;
    if (letters > shape->size()) return 0;
    const size_t covered = shape->size() - letters;
    for (size_t i = 0, d = 0; i < term.size(); ++i) {
      if (term[i] == '.') {
        for (size_t k = 0; k < covered; ++k, ++d)
          ellipsis[covered - k] = std::max(ellipsis[covered - k], static_cast<double>((*shape)[d]));
        i += 2;
      } else if (d < shape->size()) {
        extents[term[i]] = std::max(extents[term[i]], static_cast<double>((*shape)[d++]));
      }
    }
    begin = end + 1;
  }
  double product = operand > 1 ? 1 : 0;  // of one operand it is a sum or a transpose
  for (const auto& [letter, size] : extents) product *= size;
  for (const auto& [place, size] : ellipsis) product *= size;
  return product;
}

/// Q x K' and the result x V. {batch, heads, tokens, depth} or {batch, tokens, heads * depth}.
double attention(const Shapes& shapes) {
  const auto q = shapes.in(0), k = shapes.in(1), out = shapes.out();
  if (!q || !k || !out || q->size() < 3 || k->size() < 3) return 0;
  return (count(*q) + count(*out)) * extent(*k, 1);
}

}  // namespace

double multiply_adds(const Graph& graph, const Node& node) {
  if (!node.domain.empty()) return 0;
  const Shapes shapes(graph, node);
  const std::string& type = node.op_type;
  if (type == "Conv" || type == "ConvInteger") return convolution(shapes.in(1), shapes.out());
  if (type == "QLinearConv") return convolution(shapes.in(3), shapes.out());
  if (type == "ConvTranspose") return convolution(shapes.in(1), shapes.in(0));  // every input goes through one filter
  if (type == "MatMul" || type == "MatMulInteger" || type == "QLinearMatMul")
    return matrix_product(shapes.in(0), shapes.out());
  if (type == "Gemm") {
    const auto* transposed = node.attribute<int64_t>("transA");
    auto a = shapes.in(0);
    if (a && a->size() == 2 && transposed && *transposed != 0) std::swap((*a)[0], (*a)[1]);
    return matrix_product(a, shapes.out());
  }
  if (type == "Einsum") return einsum(node, shapes);
  if (type == "Attention") return attention(shapes);
  if (type == "LSTM" || type == "GRU" || type == "RNN") {  // each step: the input's and the state's products
    const auto x = shapes.in(0), w = shapes.in(1), r = shapes.in(2);
    return x && w && r && x->size() == 3
               ? static_cast<double>((*x)[0]) * static_cast<double>((*x)[1]) * (count(*w) + count(*r))
               : 0;
  }
  return 0;
}

}  // namespace fovea::pipeline
