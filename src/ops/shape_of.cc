// ONNX Shape and Size: what the type tells, as values.
#include <algorithm>
#include <limits>

#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

struct ShapeOf final : Operator {
  int64_t start, end;  // dimensions [start, end), negative ones counted from the back, clamped to the rank
  ShapeOf(int64_t s, int64_t e) : start(s), end(e) {}

  int64_t clamp(int64_t at, int64_t rank) const { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); }

  Result<Types> infer(const Inputs& in) const override {
    const int64_t from = clamp(start, in.rank(0)), to = clamp(end, in.rank(0));
    return Types{{DType::i64, {std::max<int64_t>(to - from, 0)}}};
  }
  Result<void> compute(Args in, Outs out) const override {
    const int64_t from = clamp(start, in[0].rank());
    for (int64_t i = 0; i < out[0].size(); ++i) out[0].as<int64_t>()[i] = in[0].shape[static_cast<size_t>(from + i)];
    return {};
  }
};

struct SizeOf final : Operator {
  Result<Types> infer(const Inputs&) const override { return Types{{DType::i64, {}}}; }
  Result<void> compute(Args in, Outs out) const override {
    *out[0].as<int64_t>() = in[0].size();
    return {};
  }
};

}  // namespace

Result<OperatorPtr> parse_shape(const Node& node) {
  Attributes attributes(node);
  int64_t start = 0, end = std::numeric_limits<int64_t>::max();
  if (node.opset >= 15) {
    start = attributes.integer("start", start);
    end = attributes.integer("end", end);
  }
  FOVEA_TRY(attributes.finish());
  return make_operator<ShapeOf>(start, end);
}

Result<OperatorPtr> parse_size(const Node& node) {
  FOVEA_TRY(Attributes(node).finish());
  return make_operator<SizeOf>();
}

}  // namespace fovea::ops
