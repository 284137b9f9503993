#include "ops/einsum.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "ops/arithmetic.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/convert.h"
#include "ops/dispatch.h"
#include "ops/outputs.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

// Axes are labels: a letter, or the position of an axis of the ellipsis counted from its back, as broadcasting does.
using Label = int;
using Labels = std::vector<Label>;

Labels expanded(const std::string& term, int64_t ellipsis_axes) {
  Labels labels;
  for (const char c : term)
    if (c == Einsum::kEllipsis)
      for (int64_t i = ellipsis_axes; i > 0; --i) labels.push_back(-static_cast<Label>(i));
    else
      labels.push_back(c);
  return labels;
}

bool has_ellipsis(const std::string& term) { return term.find(Einsum::kEllipsis) != std::string::npos; }

}  // namespace

Result<EinsumGeometry> Einsum::resolve(std::span<const std::span<const int64_t>> shapes) const {
  if (shapes.size() != terms.size())
    return invalid_model("the equation has {} terms, but the node {} inputs", terms.size(), shapes.size());
  std::map<Label, int64_t> extents;
  std::vector<Labels> labels;
  int64_t widest = 0;
  for (size_t n = 0; n < shapes.size(); ++n) {
    FOVEA_TRY(check_rank(shapes[n].size()));
    const auto rank = static_cast<int64_t>(shapes[n].size());
    const auto named = static_cast<int64_t>(terms[n].size()) - (has_ellipsis(terms[n]) ? 1 : 0);
    if (has_ellipsis(terms[n]) ? named > rank : named != rank)
      return invalid_model("term {} of the equation names {} axes, but input {} has rank {}", n, named, n, rank);
    labels.push_back(expanded(terms[n], rank - named));
    if (has_ellipsis(terms[n])) widest = std::max(widest, rank - named);
    for (size_t i = 0; i < labels[n].size(); ++i) {
      int64_t& extent = extents.try_emplace(labels[n][i], 1).first->second;
      const int64_t own = shapes[n][i];
      if (extent != 1 && own != 1 && own != extent)
        return invalid_model("one label stands for the extents {} and {}", extent, own);
      if (own != 1) extent = own;
    }
  }
  if (widest > 0 && !has_ellipsis(result)) return invalid_model("the ellipsis is missing in the equation's result");

  EinsumGeometry geometry;
  Labels order = expanded(result, widest);
  geometry.output_axes = order.size();
  for (const auto& [label, extent] : extents)
    if (std::ranges::find(order, label) == order.end()) order.push_back(label);
  for (const Label label : order) geometry.extents.push_back(extents.at(label));
  for (size_t n = 0; n < shapes.size(); ++n) {
    const Shape own = strides_of(shapes[n]);
    Shape& strides = geometry.strides.emplace_back(order.size(), 0);
    // A label that is repeated within a term walks the diagonal: its strides add up.
    for (size_t i = 0; i < own.size(); ++i)
      if (shapes[n][i] != 1)
        strides[static_cast<size_t>(std::ranges::find(order, labels[n][i]) - order.begin())] += own[i];
  }
  return geometry;
}

Result<Types> Einsum::infer(const Inputs& in) const {
  std::vector<std::span<const int64_t>> shapes;
  for (size_t n = 0; n < in.size(); ++n) {
    if (!in.has(n)) return invalid_model("input {} is left out", n);
    FOVEA_TRY(expect_dtype(in, n, kNumbers));
    FOVEA_TRY(expect_same_dtype(in, n, 0));
    FOVEA_TRY(checked_bytes(in.dtype(n), in.shape(n)));
    shapes.emplace_back(in.shape(n));
  }
  const EinsumGeometry geometry = FOVEA_TRY(resolve(shapes));
  return one_output(in.dtype(0), Shape(geometry.extents.begin(),
                                       geometry.extents.begin() + static_cast<int64_t>(geometry.output_axes)));
}

namespace {

/// Goes through axes [from, to) of the box in row-major order, with the offset of each operand.
class Walk {
 public:
  Walk(const EinsumGeometry& box, size_t from, size_t to, std::vector<int64_t> start)
      : box_(box), from_(from), index_(to - from, 0), offsets_(std::move(start)) {}

  const std::vector<int64_t>& offsets() const { return offsets_; }
  /// To the next index; false, and back at the first, after the last.
  bool next() {
    for (size_t i = index_.size(); i-- > 0;) {
      const bool wraps = ++index_[i] == box_.extents[from_ + i];
      if (wraps) index_[i] = 0;
      const int64_t steps = wraps ? 1 - box_.extents[from_ + i] : 1;
      for (size_t n = 0; n < offsets_.size(); ++n) offsets_[n] += steps * box_.strides[n][from_ + i];
      if (!wraps) return true;
    }
    return false;
  }

 private:
  const EinsumGeometry& box_;
  size_t from_;
  std::vector<int64_t> index_, offsets_;
};

// Integers wrap around; what does not fit the type is lost on the way back.
template <class T>
T sum_of_products(const EinsumGeometry& box, Args in, const std::vector<int64_t>& start) {
  using A = Accumulator<T>;
  const size_t axes = box.extents.size(), inner = std::max(axes, box.output_axes + 1) - 1;
  const int64_t length = axes > box.output_axes ? box.extents.back() : 1;
  A total = 0;
  Walk rows(box, box.output_axes, inner, start);
  do {
    for (int64_t k = 0; k < length; ++k) {
      A product = 1;
      for (size_t n = 0; n < in.size(); ++n) {
        const int64_t step = axes > box.output_axes ? box.strides[n].back() : 0;
        product = multiply(product, static_cast<A>(in[n].as<T>()[rows.offsets()[n] + k * step]));
      }
      total = add(total, product);
    }
  } while (rows.next());
  return convert<T>(total);
}

}  // namespace

Result<void> Einsum::compute(Args in, Outs out) const {
  std::vector<std::span<const int64_t>> shapes;
  for (const TensorView& operand : in) shapes.push_back(operand.shape);
  const EinsumGeometry box = FOVEA_TRY(resolve(shapes));
  if (out[0].size() == 0) return {};
  const bool nothing_to_sum = std::ranges::find(box.extents, 0) != box.extents.end();
  return dispatch<NumberTypes>(in[0].dtype, [&]<class T>() {
    T* y = out[0].as<T>();
    if (nothing_to_sum) {
      std::fill_n(y, out[0].size(), T{});
      return;
    }
    Walk outputs(box, 0, box.output_axes, std::vector<int64_t>(in.size(), 0));
    do *y++ = sum_of_products<T>(box, in, outputs.offsets());
    while (outputs.next());
  });
}

namespace {

// A term without spaces, its "..." as one kEllipsis.
Result<std::string> read_term(std::string_view text) {
  std::string term;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') continue;
    if (text.substr(i, 3) == "...") {
      if (has_ellipsis(term)) return invalid_model("the equation has two ellipses in one term");
      term += Einsum::kEllipsis;
      i += 2;
    } else if ((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z')) {
      term += text[i];
    } else {
      return invalid_model("the equation has a '{}' where a letter should stand", text[i]);
    }
  }
  return term;
}

// The ellipsis, then the letters that occur once, in ASCII's order.
std::string implicit_result(const std::vector<std::string>& terms) {
  std::map<char, int> uses;
  for (const std::string& term : terms)
    for (const char c : term) ++uses[c];
  std::string result;
  for (const auto& [c, count] : uses)
    if (count == 1 || c == Einsum::kEllipsis) result += c;
  return result;  // '.' sorts before all letters
}

}  // namespace

Result<OperatorPtr> parse_einsum(const Node& node) {
  Attributes attributes(node);
  attributes.require("equation");
  const std::string equation = attributes.text("equation", "");
  FOVEA_TRY(attributes.finish());

  const size_t arrow = equation.find("->");
  std::string_view left = std::string_view(equation).substr(0, arrow);
  std::vector<std::string> terms;
  for (;;) {
    const size_t comma = left.find(',');
    terms.push_back(FOVEA_TRY(read_term(left.substr(0, comma))));
    if (comma == std::string_view::npos) break;
    left.remove_prefix(comma + 1);
  }
  if (arrow == std::string::npos) {
    std::string result = implicit_result(terms);
    return make_operator<Einsum>(std::move(terms), std::move(result));
  }
  std::string result = FOVEA_TRY(read_term(std::string_view(equation).substr(arrow + 2)));
  for (const char c : result) {
    const bool used = std::ranges::any_of(terms, [c](const std::string& t) { return t.find(c) != std::string::npos; });
    if (std::ranges::count(result, c) > 1 || (!used && c != Einsum::kEllipsis))
      return invalid_model("label '{}' of the equation's result must be one of the terms' labels, and stand once", c);
  }
  return make_operator<Einsum>(std::move(terms), std::move(result));
}

}  // namespace fovea::ops
