// A compiled module in TVM's virtual machine.
#pragma once

#include <tvm/ffi/container/tensor.h>
#include <tvm/ffi/extra/module.h>
#include <tvm/ffi/function.h>

#include <optional>

#include "plugin.h"
#include "sidecar.h"

namespace fovea::plugin {

class TvmEngine final : public Engine {
 public:
  /// Throws FOVEA_INVALID_MODEL for a library that holds no such function.
  TvmEngine(const std::string& library, Sidecar sidecar, int threads);

  void run(std::span<const fovea_tensor> tensors, Outputs& places) override;

 private:
  tvm::ffi::Tensor as_argument(const fovea_tensor& tensor, size_t i);
  void deliver(const tvm::ffi::Any& result, Outputs& places) const;

  int threads_;
  std::optional<tvm::ffi::Module> library_, machine_;
  std::optional<tvm::ffi::Function> function_;
  std::vector<std::optional<tvm::ffi::Tensor>> copies_;  // of inputs that are not aligned as compiled code wants them
};

/// What TVM says in an exception, without its stack.
std::string message_of(const std::exception& e);

}  // namespace fovea::plugin
