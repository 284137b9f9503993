// ONNX MaxPool, AveragePool, LpPool, GlobalAveragePool, GlobalMaxPool and GlobalLpPool.
#include "ops/pool.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/dispatch.h"
#include "ops/shapes.h"
#include "ops/widen.h"

namespace fovea::ops {
namespace {

/// One position of a window: along each axis, where its first element lies and which of its elements are no padding.
struct Placed {
  std::vector<int64_t> starts;
  std::vector<KernelRange> ranges;
};

/// Calls visit(offset) for the elements of a window that lie in the plane, in row-major order.
template <class Visit>
void for_each_element(const Window& window, const Placed& placed, const Visit& visit, size_t depth = 0,
                      int64_t offset = 0) {
  const WindowAxis& axis = window[depth];
  for (int64_t k = placed.ranges[depth].first; k < placed.ranges[depth].last; ++k) {
    const int64_t at = offset * axis.input + placed.starts[depth] + k * axis.dilation;
    if (depth + 1 == window.size())
      visit(at);
    else
      for_each_element(window, placed, visit, depth + 1, at);
  }
}

/// Calls visit(position, placed) for the windows of a plane in row-major order.
template <class Visit>
void for_each_window(const Window& window, const Visit& visit) {
  Placed placed{std::vector<int64_t>(window.size()), std::vector<KernelRange>(window.size())};
  std::vector<int64_t> index(window.size(), 0);
  const auto place = [&](size_t d) {
    placed.starts[d] = index[d] * window[d].stride - window[d].pad_begin;
    placed.ranges[d] = clip_kernel(window[d], placed.starts[d], window[d].input);
  };
  for (size_t d = 0; d < window.size(); ++d) place(d);
  const int64_t total = element_count(output_shape(window, 1, 1));
  for (int64_t position = 0; position < total; ++position) {
    visit(position, placed);
    for (size_t d = window.size(); d-- > 0;) {
      const bool wraps = ++index[d] == window[d].output;
      if (wraps) index[d] = 0;
      place(d);
      if (!wraps) break;
    }
  }
}

Result<Types> infer_pool(const Inputs& in, const WindowAttributes& attributes, std::span<const DType> allowed) {
  FOVEA_TRY(expect_dtype(in, 0, allowed));
  FOVEA_TRY(expect_rank_at_least(in, 0, 3));
  const Window window = FOVEA_TRY(resolve_window(attributes, std::span(in.shape(0)).subspan(2)));
  return Types{FOVEA_TRY(checked_type(in.dtype(0), output_shape(window, in.shape(0)[0], in.shape(0)[1])))};
}

/// Calls pool(plane of x as doubles, plane of y) for each image and channel.
template <class Pool>
Result<void> for_each_plane(const Window& window, const TensorView& x, const MutableView& y, const Pool& pool) {
  if (y.size() == 0) return {};
  int64_t from = 1, to = 1;
  for (const WindowAxis& axis : window) from *= axis.input, to *= axis.output;
  Tensor source = FOVEA_TRY(Tensor::allocate(DType::f64, {from}));
  Tensor target = FOVEA_TRY(Tensor::allocate(DType::f64, {to}));
  auto *plane_x = source.mutable_view().as<double>(), *plane_y = target.mutable_view().as<double>();
  const auto bytes = static_cast<int64_t>(size_of(x.dtype));
  for (int64_t plane = 0; plane < y.size() / to; ++plane) {
    read_block(x.dtype, x.as<std::byte>() + plane * from * bytes, from, plane_x);
    pool(plane, static_cast<const double*>(plane_x), plane_y);
    narrow(plane_y, to, y, plane * to);
  }
  return {};
}

/// The flat index of element `offset` of a plane when the spatial axes are counted column-major.
int64_t column_major_offset(const Window& window, int64_t offset) {
  int64_t extent = 1, result = 0;
  for (const WindowAxis& axis : window) extent *= axis.input;
  for (size_t d = window.size(); d-- > 0;) {
    extent /= window[d].input;
    result += offset % window[d].input * extent;
    offset /= window[d].input;
  }
  return result;
}

/// Elements of a window that count: those within the padded input; ceil_mode lets windows reach beyond it.
int64_t padded_count(const Window& window, const Placed& placed) {
  int64_t count = 1;
  for (size_t d = 0; d < window.size(); ++d) {
    const WindowAxis& axis = window[d];
    count *= clip_kernel(axis, placed.starts[d] + axis.pad_begin, axis.input + axis.pad_begin + axis.pad_end).last;
  }
  return count;
}

}  // namespace

Result<Types> MaxPool::infer(const Inputs& in) const {
  constexpr DType kAllowed[] = {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i8, DType::u8};
  Types types = FOVEA_TRY(infer_pool(in, window, kAllowed));
  if (in.output_count() > 1) types.push_back({DType::i64, types[0].shape});
  return types;
}

Result<void> MaxPool::compute(Args in, Outs out) const {
  const Window resolved = FOVEA_TRY(resolve(in[0].shape));
  const double lowest = is_float(in[0].dtype) ? -INFINITY : in[0].dtype == DType::i8 ? -128 : 0;
  const int64_t extent = in[0].size() == 0 ? 0 : in[0].size() / (in[0].shape[0] * in[0].shape[1]);
  int64_t* indices = out.size() > 1 && out[1].present() ? out[1].as<int64_t>() : nullptr;
  return for_each_plane(resolved, in[0], out[0], [&](int64_t plane, const double* x, double* y) {
    for_each_window(resolved, [&](int64_t position, const Placed& placed) {
      double largest = lowest;
      int64_t found = -1;
      for_each_element(resolved, placed, [&](int64_t at) {
        // The first of equals; NaN wins over all numbers, and the first NaN over the others.
        if (found >= 0 && !(x[at] > largest || (std::isnan(x[at]) && !std::isnan(largest)))) return;
        largest = x[at];
        found = at;
      });
      y[position] = largest;
      if (indices == nullptr) return;
      const int64_t offset = found < 0 ? 0 : column_major ? column_major_offset(resolved, found) : found;
      *indices++ = plane * extent + offset;
    });
  });
}

Result<Types> AveragePool::infer(const Inputs& in) const { return infer_pool(in, window, kFloats); }

Result<void> AveragePool::compute(Args in, Outs out) const {
  const Window resolved = FOVEA_TRY(resolve(in[0].shape));
  return for_each_plane(resolved, in[0], out[0], [&](int64_t, const double* x, double* y) {
    for_each_window(resolved, [&](int64_t position, const Placed& placed) {
      double sum = 0;
      int64_t count = 0;
      for_each_element(resolved, placed, [&](int64_t at) { sum += x[at], ++count; });
      if (count_include_pad) count = padded_count(resolved, placed);
      y[position] = count == 0 ? 0 : sum / static_cast<double>(count);
    });
  });
}

Result<Types> LpPool::infer(const Inputs& in) const { return infer_pool(in, window, kFloats); }

Result<void> LpPool::compute(Args in, Outs out) const {
  const Window resolved = FOVEA_TRY(resolve(in[0].shape));
  return for_each_plane(resolved, in[0], out[0], [&](int64_t, const double* x, double* y) {
    for_each_window(resolved, [&](int64_t position, const Placed& placed) {
      double sum = 0;
      for_each_element(resolved, placed, [&](int64_t at) { sum += std::pow(std::fabs(x[at]), p); });
      y[position] = std::pow(sum, 1 / p);
    });
  });
}

Result<Types> GlobalPool::infer(const Inputs& in) const {
  FOVEA_TRY(expect_dtype(in, 0, kFloats));
  FOVEA_TRY(expect_rank_at_least(in, 0, 2));
  TensorType type = FOVEA_TRY(checked_type(in.dtype(0), in.shape(0)));
  if (std::find(type.shape.begin() + 2, type.shape.end(), 0) != type.shape.end())
    return invalid_model("there is nothing to pool in a tensor of shape {}", to_string(type.shape));
  std::fill(type.shape.begin() + 2, type.shape.end(), 1);
  return Types{std::move(type)};
}

Result<void> GlobalPool::compute(Args in, Outs out) const {
  Window whole;
  for (const int64_t extent : in[0].shape.subspan(2)) whole.push_back({.input = extent, .kernel = extent});
  if (whole.empty()) whole.emplace_back();
  const int64_t count = extent_product(in[0].shape, 2, in[0].rank());
  return for_each_plane(whole, in[0], out[0], [&](int64_t, const double* x, double* y) {
    double sum = 0, largest = x[0];
    for (int64_t i = 0; i < count; ++i) {
      sum += kind == Kind::lp ? std::pow(std::fabs(x[i]), p) : x[i];
      if (x[i] > largest || std::isnan(x[i])) largest = x[i];
    }
    *y = kind == Kind::max ? largest : kind == Kind::lp ? std::pow(sum, 1 / p) : sum / static_cast<double>(count);
  });
}

Result<OperatorPtr> parse_max_pool(const Node& node) {
  Attributes attributes(node);
  WindowAttributes window = FOVEA_TRY(read_window(attributes));
  window.ceil_mode = attributes.flag("ceil_mode", false);
  const bool column_major = attributes.flag("storage_order", false);
  FOVEA_TRY(attributes.finish());
  return make_operator<MaxPool>(std::move(window), column_major);
}

Result<OperatorPtr> parse_average_pool(const Node& node) {
  Attributes attributes(node);
  WindowAttributes window = FOVEA_TRY(read_window(attributes));
  window.ceil_mode = attributes.flag("ceil_mode", false);
  const bool count_include_pad = attributes.flag("count_include_pad", false);
  FOVEA_TRY(attributes.finish());
  return make_operator<AveragePool>(std::move(window), count_include_pad);
}

/// The order of the norm; a float in opset 1.
Result<double> read_p(Attributes& attributes, int opset) {
  const double p =
      opset < 2 ? static_cast<double>(attributes.number("p", 2)) : static_cast<double>(attributes.integer("p", 2));
  if (!(p >= 1)) return invalid_model("attribute \"p\" is {}, but must be 1 or more", p);
  return p;
}

Result<OperatorPtr> parse_lp_pool(const Node& node) {
  Attributes attributes(node);
  WindowAttributes window = FOVEA_TRY(read_window(attributes));
  window.ceil_mode = attributes.flag("ceil_mode", false);
  const double p = FOVEA_TRY(read_p(attributes, node.opset));
  FOVEA_TRY(attributes.finish());
  return make_operator<LpPool>(std::move(window), p);
}

Result<OperatorPtr> parse_global_average_pool(const Node& node) {
  FOVEA_TRY(Attributes(node).finish());
  return make_operator<GlobalPool>(GlobalPool::Kind::average);
}

Result<OperatorPtr> parse_global_max_pool(const Node& node) {
  FOVEA_TRY(Attributes(node).finish());
  return make_operator<GlobalPool>(GlobalPool::Kind::max);
}

Result<OperatorPtr> parse_global_lp_pool(const Node& node) {
  Attributes attributes(node);
  const double p = FOVEA_TRY(read_p(attributes, node.opset));
  FOVEA_TRY(attributes.finish());
  return make_operator<GlobalPool>(GlobalPool::Kind::lp, p);
}

}  // namespace fovea::ops
