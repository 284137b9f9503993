// Convolutions that are products of matrices: directly or by Winograd's filtering, as the cost model or a tuner says.
#include <algorithm>
#include <iterator>

#include "base/error.h"
#include "cpu/steps/conv_geometry.h"
#include "cpu/steps/pixel_table.h"
#include "cpu/steps/steps.h"

namespace fovea::cpu {
namespace {

/// All that decides how long it takes.
std::string operation_text(const ConvGeometry& g, const ConvEpilogue& e, bool pixels) {
  const kernels::ConvShape& s = g.shape;
  return fmt::format(
      "conv {}x{}x{}x{} to {}x{}x{}, kernel {}x{} stride {}x{} dilation {}x{} pads {},{}{}{} activation {}{}", g.batch,
      s.in_height, s.in_width, g.in_channels(), s.out_height, s.out_width, g.out_channels(), s.kernel_height,
      s.kernel_width, s.stride_y, s.stride_x, s.dilation_y, s.dilation_x, s.pad_top, s.pad_left,
      e.bias == kNoValue ? "" : " bias",
      e.residual == kNoValue ? ""
      : e.residual_last      ? " residual last"
                             : " residual",
      static_cast<int>(e.activation.kind), pixels ? " of bytes" : "");
}

/// Of direct candidates beside Winograd's.
constexpr size_t kMostDirect = 3;

}  // namespace

StepPtr make_conv_step(const LowerNode& node) {
  const auto g = conv_geometry(node);
  const auto epilogue = conv_epilogue(node);
  if (node.constant(1) == nullptr || !g || !epilogue) return nullptr;
  const bool filter = winograd_beats(node, *g, 1);
  std::vector<Candidate> ways = winograd_candidates(node, *g), direct = direct_candidates(node, *g);
  const Candidate fallback = direct.front();
  if (!ways.empty() && direct.size() > kMostDirect) direct.resize(kMostDirect);  // it is hardly ever one of the others
  if (!filter) ways.swap(direct);                                                // the cost model's choice comes first
  ways.insert(ways.end(), std::make_move_iterator(direct.begin()), std::make_move_iterator(direct.end()));
  if (ways.size() > kMostCandidates) ways.resize(kMostCandidates);
  if (StepPtr step = make_chosen(node, operation_text(*g, *epilogue, node.has(ops::kConvPixels)), ways)) return step;
  node.weights.begin_step();
  return fallback.make(node);
}

}  // namespace fovea::cpu
