// ONNX Unique: the different elements of a tensor, or its different slices along an axis; where each one first stood,
// which one each is, and how often it is there. All NaN count as one, as in NumPy.
#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/elementwise.h"

namespace fovea::ops {
namespace {

struct Groups {
  std::vector<int64_t> first;    // of each group, in the groups' order
  std::vector<int64_t> counts;   // likewise
  std::vector<int64_t> inverse;  // the group of each slice
};

// Slice s is made of x[(o * slices + s) * inner + i] for all o and i.
struct Slices {
  int64_t outer = 1, slices = 1, inner = 1;
};

template <class C>
int compare(C a, C b) {
  if (a < b) return -1;
  if (a > b) return 1;
  return static_cast<int>(a != a) - static_cast<int>(b != b);  // NaN last
}

template <class C>
Groups group(const TensorView& view, const Slices& layout, bool sorted) {
  std::vector<C> x(static_cast<size_t>(view.size()));
  read_block(view.dtype, view.data, view.size(), x.data());
  const auto compare_slices = [&](int64_t a, int64_t b) {
    for (int64_t o = 0; o < layout.outer; ++o)
      for (int64_t i = 0; i < layout.inner; ++i) {
        const auto at = [&](int64_t s) { return x[static_cast<size_t>((o * layout.slices + s) * layout.inner + i)]; };
        if (const int order = compare(at(a), at(b)); order != 0) return order;
      }
    return 0;
  };
  std::vector<int64_t> order(static_cast<size_t>(layout.slices));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::ranges::stable_sort(order, [&](int64_t a, int64_t b) { return compare_slices(a, b) < 0; });

  Groups groups;
  groups.inverse.resize(order.size());
  for (size_t n = 0; n < order.size(); ++n) {
    if (n == 0 || compare_slices(order[n - 1], order[n]) != 0) {
      groups.first.push_back(order[n]);
      groups.counts.push_back(0);
    }
    ++groups.counts.back();
    groups.inverse[static_cast<size_t>(order[n])] = static_cast<int64_t>(groups.first.size()) - 1;
  }
  if (sorted) return groups;

  // In the order in which the groups first appear.
  std::vector<size_t> by_first(groups.first.size());
  std::iota(by_first.begin(), by_first.end(), size_t{0});
  std::ranges::sort(by_first, {}, [&](size_t g) { return groups.first[g]; });
  Groups result = groups;
  std::vector<int64_t> place(by_first.size());
  for (size_t n = 0; n < by_first.size(); ++n) {
    result.first[n] = groups.first[by_first[n]];
    result.counts[n] = groups.counts[by_first[n]];
    place[by_first[n]] = static_cast<int64_t>(n);
  }
  for (int64_t& g : result.inverse) g = place[static_cast<size_t>(g)];
  return result;
}

struct Unique final : Operator {
  std::optional<int64_t> axis;
  bool sorted;
  Unique(std::optional<int64_t> a, bool s) : axis(a), sorted(s) {}

  Result<Slices> layout(std::span<const int64_t> shape) const {
    if (!axis) return Slices{1, element_count(shape), 1};
    const auto rank = static_cast<int64_t>(shape.size());
    const int64_t at = FOVEA_TRY(normalize_axis(*axis, rank));
    return Slices{extent_product(shape, 0, at), shape[static_cast<size_t>(at)], extent_product(shape, at + 1, rank)};
  }
  Groups group_of(const TensorView& x, const Slices& slices) const {
    return dispatch_computed(x.dtype, [&]<class C>() { return group<C>(x, slices, sorted); });
  }

  Result<Types> infer(const Inputs& in) const override {
    const Slices slices = FOVEA_TRY(layout(in.shape(0)));
    const Tensor value = FOVEA_TRY(in.value(0));
    const Groups groups = group_of(value.view(), slices);
    const auto count = static_cast<int64_t>(groups.first.size());
    Shape shape{count};
    if (axis) {
      shape = in.shape(0);
      shape[static_cast<size_t>(*axis < 0 ? *axis + in.rank(0) : *axis)] = count;
    }
    return Types{{in.dtype(0), shape}, {DType::i64, {count}}, {DType::i64, {slices.slices}}, {DType::i64, {count}}};
  }

  Result<void> compute(Args in, Outs out) const override {
    const Slices slices = FOVEA_TRY(layout(in[0].shape));
    const Groups groups = group_of(in[0], slices);
    const auto bytes = slices.inner * static_cast<int64_t>(size_of(in[0].dtype));
    auto* to = static_cast<std::byte*>(out[0].data);
    for (int64_t o = 0; o < slices.outer && out[0].present(); ++o)
      for (int64_t s : groups.first) {
        const auto* from = static_cast<const std::byte*>(in[0].data) + (o * slices.slices + s) * bytes;
        to = std::copy_n(from, bytes, to);
      }
    const std::vector<int64_t>* lists[] = {&groups.first, &groups.inverse, &groups.counts};
    for (size_t i = 1; i < out.size(); ++i)
      if (out[i].present()) std::ranges::copy(*lists[i - 1], out[i].as<int64_t>());
    return {};
  }
};

}  // namespace

Result<OperatorPtr> parse_unique(const Node& node) {
  Attributes attributes(node);
  std::optional<int64_t> axis;
  const int64_t given = attributes.integer("axis", 0);
  if (attributes.has("axis")) axis = given;
  const bool sorted = attributes.flag("sorted", true);
  FOVEA_TRY(attributes.finish());
  return make_operator<Unique>(axis, sorted);
}

}  // namespace fovea::ops
