// ONNX ReverseSequence: in each batch entry, the first elements of the time axis back to front.
#include <array>
#include <cstring>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/shapes.h"
#include "ops/strided_copy.h"

namespace fovea::ops {
namespace {

struct ReverseSequence final : Operator {
  int64_t batch_axis, time_axis;  // 0 and 1, or 1 and 0
  ReverseSequence(int64_t b, int64_t t) : batch_axis(b), time_axis(t) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_rank_at_least(in, 0, 2));
    FOVEA_TRY(expect_dtype(in, 1, std::array{DType::i64}));
    FOVEA_TRY(expect_shape(in, 1, std::array{in.shape(0)[static_cast<size_t>(batch_axis)]}));
    return Types{in.type(0)};
  }

  Result<void> compute(Args in, Outs out) const override {
    const int64_t batches = in[0].shape[static_cast<size_t>(batch_axis)];
    const int64_t times = in[0].shape[static_cast<size_t>(time_axis)];
    const Shape strides = strides_of(in[0].shape);
    const int64_t batch = strides[static_cast<size_t>(batch_axis)], time = strides[static_cast<size_t>(time_axis)];
    const auto bytes = static_cast<size_t>(extent_product(in[0].shape, 2, in[0].rank())) * size_of(in[0].dtype);
    for (int64_t b = 0; b < batches; ++b) {
      const int64_t length = in[1].as<int64_t>()[b];
      if (length < 0 || length > times)
        return invalid_argument("sequence {} has length {}, but the time axis has {}", b, length, times);
      for (int64_t t = 0; t < times && bytes > 0; ++t) {
        const int64_t from = t < length ? length - 1 - t : t;
        std::memcpy(elements(out[0], b * batch + t * time), elements(in[0], b * batch + from * time), bytes);
      }
    }
    return {};
  }
};

}  // namespace

Result<OperatorPtr> parse_reverse_sequence(const Node& node) {
  Attributes attributes(node);
  const int64_t batch_axis = attributes.integer("batch_axis", 1), time_axis = attributes.integer("time_axis", 0);
  FOVEA_TRY(attributes.finish());
  if (batch_axis < 0 || batch_axis > 1 || time_axis != 1 - batch_axis)
    return invalid_model("batch_axis {} and time_axis {} must be 0 and 1, or 1 and 0", batch_axis, time_axis);
  return make_operator<ReverseSequence>(batch_axis, time_axis);
}

}  // namespace fovea::ops
