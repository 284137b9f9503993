// ONNX Col2Im: columns of sliding blocks are added back into the image from which they would have been taken.
#include <algorithm>

#include "base/checked.h"
#include "base/error.h"
#include "ops/arithmetic.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/convert.h"
#include "ops/dispatch.h"
#include "ops/known.h"
#include "ops/outputs.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

constexpr int64_t kMost = int64_t{1} << 31;  // of an extent, a stride, a dilation or a pad: no product overflows

struct BlockAxis {
  int64_t image, block, stride, dilation, pad;
  int64_t positions;  // of the block
};

struct Col2Im final : Operator {
  std::vector<int64_t> dilations, pads, strides;  // empty: 1, 0, 1
  Col2Im(std::vector<int64_t> d, std::vector<int64_t> p, std::vector<int64_t> s)
      : dilations(std::move(d)), pads(std::move(p)), strides(std::move(s)) {}

  Result<std::vector<BlockAxis>> resolve(const Inputs& in) const {
    const std::vector<int64_t> image = FOVEA_TRY(in.integers(1)), block = FOVEA_TRY(in.integers(2));
    const size_t n = image.size();
    FOVEA_TRY(check_rank(n + 2));
    const auto fits = [n](const std::vector<int64_t>& list, size_t each) {
      return list.empty() || list.size() == n * each;
    };
    if (n == 0 || block.size() != n || !fits(dilations, 1) || !fits(strides, 1) || !fits(pads, 2))
      return invalid_model("image_shape, block_shape and the attributes differ in their number of axes");
    std::vector<BlockAxis> axes;
    for (size_t i = 0; i < n; ++i) {
      BlockAxis axis{image[i],
                     block[i],
                     strides.empty() ? 1 : strides[i],
                     dilations.empty() ? 1 : dilations[i],
                     pads.empty() ? 0 : pads[i],
                     0};
      const int64_t end = pads.empty() ? 0 : pads[n + i];
      if (std::min({axis.image, axis.block, axis.stride, axis.dilation}) < 1 || std::min(axis.pad, end) < 0 ||
          std::max({axis.image, axis.block, axis.stride, axis.dilation, axis.pad, end}) >= kMost)
        return invalid_model("axis {} has an extent, stride, dilation or pad out of range", i);
      const int64_t room = axis.image + axis.pad + end - axis.dilation * (axis.block - 1) - 1;
      if (room < 0) return invalid_model("the block does not fit into axis {} of the image", i);
      axis.positions = room / axis.stride + 1;
      axes.push_back(axis);
    }
    return axes;
  }

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_rank(in, 0, 3));
    int64_t block = 1, positions = 1;
    Shape shape = {in.shape(0)[0], 0};
    for (const BlockAxis& axis : FOVEA_TRY(resolve(in))) {
      const auto b = checked_mul(block, axis.block), p = checked_mul(positions, axis.positions);
      if (!b || !p) return invalid_model("the blocks have too many elements");
      block = *b;
      positions = *p;
      shape.push_back(axis.image);
    }
    if (in.shape(0)[1] % block != 0 || in.shape(0)[2] != positions)
      return invalid_model("columns of shape {} for blocks of {} elements at {} positions", to_string(in.shape(0)),
                           block, positions);
    shape[1] = in.shape(0)[1] / block;
    return one_output(in.dtype(0), std::move(shape));
  }

  Result<void> compute(Args in, Outs out) const override {
    const std::vector<BlockAxis> axes = FOVEA_TRY(resolve(Known(in, out).inputs()));
    Shape blocks, positions;
    for (const BlockAxis& axis : axes) {
      blocks.push_back(axis.block);
      positions.push_back(axis.positions);
    }
    const int64_t images = out[0].shape[0] * out[0].shape[1];
    const int64_t block_size = element_count(blocks), position_count = element_count(positions);
    const Shape image_strides = strides_of(out[0].shape.subspan(2));
    const int64_t image_size = extent_product(out[0].shape, 2, out[0].rank());
    return dispatch<AllTypes>(in[0].dtype, [&]<class T>() {
      std::vector<Accumulator<T>> image(static_cast<size_t>(image_size));
      for (int64_t n = 0; n < images; ++n) {
        std::ranges::fill(image, Accumulator<T>{});
        const T* column = in[0].as<T>() + n * block_size * position_count;
        for (int64_t i = 0; i < block_size * position_count; ++i)
          if (const int64_t at = target(axes, image_strides, i / position_count, i % position_count); at >= 0)
            image[static_cast<size_t>(at)] =
                add(image[static_cast<size_t>(at)], static_cast<Accumulator<T>>(column[i]));
        std::ranges::transform(image, out[0].as<T>() + n * image_size, convert<T, Accumulator<T>>);
      }
    });
  }

  // Where element `in_block` of the block at `position` lies in the image; -1 in its padding.
  static int64_t target(const std::vector<BlockAxis>& axes, const Shape& strides, int64_t in_block, int64_t position) {
    int64_t offset = 0;
    for (size_t d = axes.size(); d-- > 0;) {
      const BlockAxis& axis = axes[d];
      const int64_t at = position % axis.positions * axis.stride + in_block % axis.block * axis.dilation - axis.pad;
      if (at < 0 || at >= axis.image) return -1;
      offset += at * strides[d];
      position /= axis.positions;
      in_block /= axis.block;
    }
    return offset;
  }
};

}  // namespace

Result<OperatorPtr> parse_col2im(const Node& node) {
  Attributes attributes(node);
  std::vector<int64_t> dilations = attributes.integers("dilations"), pads = attributes.integers("pads"),
                       strides = attributes.integers("strides");
  FOVEA_TRY(attributes.finish());
  return make_operator<Col2Im>(std::move(dilations), std::move(pads), std::move(strides));
}

}  // namespace fovea::ops
