// fovea.Gate: act(a) * b of two parts of the same rows, as in SwiGLU. Inputs: the tensors that hold a and b (f32, often
// the same one). Attributes "shape": the output's; "a", "b": {offset, stride from row to row} in elements, where a row
// is the output's last axis; "activation": Swish, Gelu, GeluTanh or Sigmoid.
#pragma once

#include <string>

#include "ops/operator.h"

namespace fovea::ops {

struct FoveaGate final : Operator {
  struct Rows {
    int64_t offset = 0, stride = 0;
  };
  Shape shape;
  Rows a, b;
  std::string activation;
  std::shared_ptr<const Operator> function;  // of `activation`

  int64_t rows() const { return element_count(shape) / shape.back(); }
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
