// ONNX NonZero: the indices of elements that are not zero, one row for each dimension.
#include <algorithm>

#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/elementwise.h"

namespace fovea::ops {
namespace {

/// Calls visit(position) for each element that is not zero.
template <class Visit>
void for_each_nonzero(const TensorView& x, Visit visit) {
  const auto* from = static_cast<const std::byte*>(x.data);
  dispatch_computed(x.dtype, [&]<class C>() {
    C elements[kBlock];
    const int64_t total = x.size();
    for (int64_t at = 0; at < total; at += kBlock) {
      const int64_t n = std::min(kBlock, total - at);
      read_block(x.dtype, from + at * static_cast<int64_t>(size_of(x.dtype)), n, elements);
      for (int64_t i = 0; i < n; ++i)
        if (elements[i] != 0) visit(at + i);
    }
  });
}

struct NonZero final : Operator {
  Result<Types> infer(const Inputs& in) const override {
    const Tensor value = FOVEA_TRY(in.value(0));
    int64_t count = 0;
    for_each_nonzero(value.view(), [&](int64_t) { ++count; });
    return Types{{DType::i64, {in.rank(0), count}}};
  }

  Result<void> compute(Args in, Outs out) const override {
    const Shape strides = strides_of(in[0].shape);
    const int64_t count = out[0].shape[1];
    int64_t found = 0;
    for_each_nonzero(in[0], [&](int64_t position) {
      for (size_t d = 0; d < strides.size(); ++d) {
        out[0].as<int64_t>()[static_cast<int64_t>(d) * count + found] = position / strides[d];
        position %= strides[d];
      }
      ++found;
    });
    return {};
  }
};

}  // namespace

Result<OperatorPtr> parse_non_zero(const Node& node) {
  FOVEA_TRY(Attributes(node).finish());
  return make_operator<NonZero>();
}

}  // namespace fovea::ops
