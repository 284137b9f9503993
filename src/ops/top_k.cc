// ONNX TopK. Equal elements keep the order of their indices; NaN counts as larger than all numbers, as in NumPy's order
// and PyTorch's topk.
#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/dispatch.h"
#include "ops/elementwise.h"

namespace fovea::ops {
namespace {

template <class C>
bool above(C a, C b) {
  return a > b || (a != a && b == b);
}

/// Puts the indices of the k first in the wanted order at the front of `order`.
template <class C>
void select(const std::vector<C>& x, int64_t k, bool largest, std::vector<int64_t>& order) {
  std::iota(order.begin(), order.end(), int64_t{0});
  std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int64_t i, int64_t j) {
    const C a = x[static_cast<size_t>(i)], b = x[static_cast<size_t>(j)];
    if (above(a, b)) return largest;
    if (above(b, a)) return !largest;
    return i < j;
  });
}

struct TopK final : Operator {
  int64_t axis;
  bool largest;
  std::optional<int64_t> k;  // an attribute before opset 10, an input after
  TopK(int64_t a, bool l, std::optional<int64_t> k_) : axis(a), largest(l), k(k_) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 0, kNumbers));
    const int64_t at = FOVEA_TRY(normalize_axis(axis, in.rank(0)));
    Shape shape = in.shape(0);
    int64_t& extent = shape[static_cast<size_t>(at)];
    const int64_t wanted = k ? *k : FOVEA_TRY(in.integer(1));
    if (wanted < 0 || wanted > extent)
      return invalid_model("k = {}, but axis {} of {} has {} elements", wanted, axis, to_string(shape), extent);
    extent = wanted;
    return Types{{in.dtype(0), shape}, {DType::i64, shape}};
  }

  Result<void> compute(Args in, Outs out) const override {
    const auto at = static_cast<size_t>(axis < 0 ? axis + in[0].rank() : axis);
    const MutableView& shaped = out[0].present() ? out[0] : out[1];
    const int64_t outer = extent_product(in[0].shape, 0, static_cast<int64_t>(at));
    const int64_t inner = extent_product(in[0].shape, static_cast<int64_t>(at) + 1, in[0].rank());
    const int64_t length = in[0].shape[at], wanted = shaped.shape[at];
    return dispatch<NumberTypes>(in[0].dtype, [&]<class T>() {
      using C = Computed<T>;
      std::vector<C> row(static_cast<size_t>(length));
      std::vector<int64_t> order(static_cast<size_t>(length));
      for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < inner; ++i) {
          const T* x = in[0].as<T>() + o * length * inner + i;
          const int64_t to = o * wanted * inner + i;
          for (int64_t n = 0; n < length; ++n) row[static_cast<size_t>(n)] = convert<C>(x[n * inner]);
          select(row, wanted, largest, order);
          for (int64_t n = 0; n < wanted; ++n) {
            const int64_t index = order[static_cast<size_t>(n)];
            if (out[0].present()) out[0].as<T>()[to + n * inner] = x[index * inner];
            if (out.size() > 1 && out[1].present()) out[1].as<int64_t>()[to + n * inner] = index;
          }
        }
    });
  }
};

}  // namespace

Result<OperatorPtr> parse_top_k(const Node& node) {
  Attributes attributes(node);
  const int64_t axis = attributes.integer("axis", -1);
  std::optional<int64_t> k;
  if (node.opset < 10) {
    attributes.require("k");
    k = attributes.integer("k", 0);
  }
  bool largest = true;
  if (node.opset >= 11) {
    largest = attributes.flag("largest", true);
    attributes.ignore("sorted");  // sorted is one of the orders in which unsorted ones may come
  }
  FOVEA_TRY(attributes.finish());
  return make_operator<TopK>(axis, largest, k);
}

}  // namespace fovea::ops
