// ONNX MeanVarianceNormalization: (x - mean) / (standard deviation + 1e-9), both over `axes`.
#include <cmath>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/dispatch.h"
#include "ops/elementwise.h"
#include "ops/reduce.h"

namespace fovea::ops {
namespace {

struct MeanVarianceNormalization final : Operator {
  std::vector<int64_t> axes;
  explicit MeanVarianceNormalization(std::vector<int64_t> a) : axes(std::move(a)) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 0, kFloats));
    FOVEA_TRY(normalize_axes(axes, in.rank(0)));
    return Types{in.type(0)};
  }

  Result<void> compute(Args in, Outs out) const override {
    const auto resolved = FOVEA_TRY(normalize_axes(axes, in[0].rank()));
    const ReducePlan plan = plan_reduction(in[0].shape, resolved);
    return dispatch<FloatTypes>(in[0].dtype, [&]<class T>() {
      for_each_index<1>(plan.kept, {plan.kept_strides}, [&](std::array<int64_t, 1> base) {
        const T* x = in[0].as<T>() + base[0];
        T* y = out[0].as<T>() + base[0];
        const auto each = [&](auto visit) {
          for_each_index<1>(plan.reduced, {plan.reduced_strides}, [&](std::array<int64_t, 1> at) { visit(at[0]); });
        };
        double sum = 0, squares = 0;
        each([&](int64_t i) { sum += static_cast<double>(x[i]); });
        const double mean = sum / static_cast<double>(plan.count);
        each([&](int64_t i) { squares += (static_cast<double>(x[i]) - mean) * (static_cast<double>(x[i]) - mean); });
        const double deviation = std::sqrt(squares / static_cast<double>(plan.count)) + 1e-9;
        each([&](int64_t i) { y[i] = convert<T>((static_cast<double>(x[i]) - mean) / deviation); });
      });
    });
  }
};

}  // namespace

Result<OperatorPtr> parse_mean_variance_normalization(const Node& node) {
  Attributes attributes(node);
  std::vector<int64_t> axes = attributes.integers("axes", {0, 2, 3});
  FOVEA_TRY(attributes.finish());
  return make_operator<MeanVarianceNormalization>(std::move(axes));
}

}  // namespace fovea::ops
