// Elementwise functions of two operands: arithmetic, comparisons, logic, bits, PRelu.
#pragma once

#include <optional>
#include <string_view>

#include "ops/attributes.h"
#include "ops/elementwise.h"

namespace fovea::ops {

/// y[0, n) from a[0, n) and b[0, n); n <= kBlock.
template <class C>
using BinaryBlock = void (*)(const C* a, const C* b, C* y, int64_t n);

/// One function: a line of the table in binary.cc.
struct BinaryFunction {
  std::string_view name;     // of the operator
  std::string_view variant;  // "fmod" for Mod, "LEFT" and "RIGHT" for BitShift
  std::span<const DType> dtypes;
  ForEachComputed<BinaryBlock> blocks;
  bool predicate = false;  // gives bool
};

/// How opset 1 to 6 broadcast: not at all, or the second operand's shape lies within the first's from `axis` on, at the
/// end where no axis is given.
struct LegacyBroadcast {
  bool enabled = false;
  std::optional<int64_t> axis;

  static LegacyBroadcast parse(Attributes& attributes);
  /// The second operand's shape with ones added behind it, so that today's broadcasting gives the same.
  Result<Shape> align(std::span<const int64_t> first, std::span<const int64_t> second) const;
};

struct Binary final : Operator {
  const BinaryFunction* function;
  std::optional<LegacyBroadcast> legacy;
  bool keeps_first_shape;  // PRelu: only the second operand may repeat

  Binary(const BinaryFunction* f, std::optional<LegacyBroadcast> l, bool keeps)
      : function(f), legacy(l), keeps_first_shape(keeps) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
