// ONNX HannWindow, HammingWindow and BlackmanWindow: a sum of cosines over a given number of samples.
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/elementwise.h"
#include "ops/onnx_dtype.h"
#include "ops/outputs.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

/// w(n) = a - b cos(2 pi n / N) + c cos(4 pi n / N)
struct Cosines {
  std::string_view name;
  double a, b, c;
};
constexpr Cosines kWindows[] = {
    {"HannWindow", 0.5, 0.5, 0},
    {"HammingWindow", 25.0 / 46, 21.0 / 46, 0},
    {"BlackmanWindow", 0.42, 0.5, 0.08},
};

struct CosineWindow final : Operator {
  Cosines cosines;
  DType dtype;
  bool periodic;  // N is the number of samples, not one less
  CosineWindow(Cosines c, DType d, bool p) : cosines(c), dtype(d), periodic(p) {}

  Result<Types> infer(const Inputs& in) const override { return one_output(dtype, {FOVEA_TRY(in.integer(0))}); }

  Result<void> compute(Args, Outs out) const override {
    const auto count = out[0].size();
    const auto length = static_cast<double>(periodic ? count : count - 1);
    for (int64_t n = 0; n < count; ++n) {
      const double turn = length == 0 ? 0 : 2 * std::numbers::pi * static_cast<double>(n) / length;
      const double w = cosines.a - cosines.b * std::cos(turn) + cosines.c * std::cos(2 * turn);
      write_block(&w, 1, dtype, out[0].as<std::byte>() + n * static_cast<int64_t>(size_of(dtype)));
    }
    return {};
  }
};

}  // namespace

Result<OperatorPtr> parse_cosine_window(const Node& node) {
  Attributes attributes(node);
  const int64_t number = attributes.integer("output_datatype", 1);
  const bool periodic = attributes.flag("periodic", true);
  FOVEA_TRY(attributes.finish());
  const DType dtype = FOVEA_TRY(dtype_from_onnx(number));
  if (dtype == DType::boolean) return invalid_model("output_datatype is bool");
  for (const Cosines& cosines : kWindows)
    if (cosines.name == node.op_type) return make_operator<CosineWindow>(cosines, dtype, periodic);
  return internal("no window is called {}", node.op_type);
}

}  // namespace fovea::ops
