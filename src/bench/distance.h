// How far the outputs of one way of running a model are from the reference's.
#pragma once

#include <span>

#include "bench/report.h"
#include "fovea/tensor.h"

namespace fovea::bench {

/// Over all elements of all outputs together, in double precision; of any element types. NaN counts as equal to NaN;
/// one that stands alone, or an infinity, makes both distances infinite. A reference of zeros only: the distances are 0
/// for zeros, else infinite. Error: invalid_argument where the number of outputs, or a shape, differs.
Result<Distance> distance(std::span<const Tensor> outputs, std::span<const Tensor> reference);

}  // namespace fovea::bench
