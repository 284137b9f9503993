// ONNX DepthToSpace and SpaceToDepth: blocks of b x b pixels become channels, and back.
#include "base/checked.h"
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/outputs.h"
#include "ops/shapes.h"
#include "ops/strided_copy.h"

namespace fovea::ops {
namespace {

/// Whether the position within the block counts above the channel ("depth, column, row") or below it.
enum class Order { dcr, crd };

struct DepthSpace final : Operator {
  int64_t block;
  Order order;
  bool to_space;
  DepthSpace(int64_t b, Order o, bool t) : block(b), order(o), to_space(t) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_rank(in, 0, 4));
    Shape shape = in.shape(0);
    const auto area = checked_mul(block, block);
    if (block < 1 || !area) return invalid_model("a block size of {}", block);
    if (to_space ? shape[1] % *area != 0 : shape[2] % block != 0 || shape[3] % block != 0)
      return invalid_model("shape {} does not divide into blocks of size {}", to_string(shape), block);
    if (to_space) {
      const auto height = checked_mul(shape[2], block), width = checked_mul(shape[3], block);
      if (!height || !width) return invalid_model("a block size of {}", block);
      return one_output(in.dtype(0), {shape[0], shape[1] / *area, *height, *width});
    }
    const auto channels = checked_mul(shape[1], *area);
    if (!channels) return invalid_model("a block size of {}", block);
    return one_output(in.dtype(0), {shape[0], *channels, shape[2] / block, shape[3] / block});
  }

  Result<void> compute(Args in, Outs out) const override {
    const std::span<const int64_t> deep = to_space ? in[0].shape : out[0].shape;
    const int64_t n = deep[0], channels = deep[1] / (block * block), h = deep[2], w = deep[3], plane = h * w;
    const int64_t column = order == Order::dcr ? channels * plane : plane;  // strides of the position in the block
    const int64_t channel = order == Order::dcr ? plane : block * block * plane;
    // Axes: image, channel, row, row in block, column, column in block.
    const Shape depth = {deep[1] * plane, channel, w, block * column, 1, column};
    const Shape space = {deep[1] * plane, plane * block * block, block * block * w, block * w, block, 1};
    strided_copy({{n, channels, h, block, w, block}, to_space ? depth : space, to_space ? space : depth},
                 size_of(in[0].dtype), in[0].data, out[0].data);
    return {};
  }
};

Result<OperatorPtr> parse(const Node& node, bool to_space) {
  Attributes attributes(node);
  attributes.require("blocksize");
  const int64_t block = attributes.integer("blocksize", 1);
  const std::string mode = to_space && node.opset >= 11 ? attributes.text("mode", "DCR") : "DCR";
  FOVEA_TRY(attributes.finish());
  if (mode != "DCR" && mode != "CRD") return invalid_model("mode \"{}\" is neither DCR nor CRD", mode);
  return make_operator<DepthSpace>(block, mode == "DCR" ? Order::dcr : Order::crd, to_space);
}

}  // namespace

Result<OperatorPtr> parse_depth_to_space(const Node& node) { return parse(node, true); }
Result<OperatorPtr> parse_space_to_depth(const Node& node) { return parse(node, false); }

}  // namespace fovea::ops
