// One scale and zero point for each stored value; values share them where that saves conversions.
#pragma once

#include <map>

#include "quantize/parameters.h"
#include "quantize/select.h"

namespace fovea::quantize {

using Ranges = std::map<ValueId, Range>;

struct ScaleOptions {
  DType activations = DType::u8;  // or i8
  bool symmetric = false;         // zero point 0; i8 only
};

struct Scales {
  std::map<ValueId, Parameters> parameters;
  /// Values with the same number share scale and zero point.
  std::map<ValueId, int> groups;
  std::vector<ValueId> missing;  // stored values without a range: they stay in float, and so do the nodes around them
};

/// What moves values, pools their maximum, resizes or pads with zeros shares the scale of what it takes. The inputs of
/// a Concat share one with its result where the narrowest range is at least a third of the widest (a part loses at
/// most 1.6 bits), those of Add and Sub with each other where they are within 1.25 of each other: then the runtime adds
/// integers. A group's range is the union of its members'.
Scales choose_scales(const Graph& graph, const Selection& selection, const Ranges& ranges, const ScaleOptions& options);

}  // namespace fovea::quantize
