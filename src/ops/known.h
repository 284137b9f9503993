// The operands of compute() in the form in which infer() sees them, so that one function resolves a node for both.
#pragma once

#include <vector>

#include "ops/operator.h"

namespace fovea::ops {

/// Inputs whose values are all known: `FOVEA_TRY(resolve(Known(in, out).inputs()))`. Borrows the operands.
class Known {
 public:
  Known(Args in, Outs out) : tensors_(in.size()), inputs_(in.size()), outputs_(out.size()) {
    for (size_t i = 0; i < in.size(); ++i) {
      if (!in[i].present()) continue;
      tensors_[i] = Tensor::wrap(nullptr, in[i].data, in[i].dtype, Shape(in[i].shape.begin(), in[i].shape.end()));
      inputs_[i] = {tensors_[i].type(), &tensors_[i], true};
    }
  }
  Inputs inputs() const { return {inputs_, outputs_}; }

 private:
  std::vector<Tensor> tensors_;
  std::vector<Inputs::Input> inputs_;
  size_t outputs_;
};

}  // namespace fovea::ops
