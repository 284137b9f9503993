// What --precision means for each device.
#pragma once

#include "model_scan.h"
#include "plugin.h"

namespace fovea::plugin {

/// For devices that compute in the types that the model is written in: throws Failure{FOVEA_UNSUPPORTED} where those
/// are not of the precision asked for. fp32 is what the model says, whatever that is.
void expect_typed(const Request& request, const ModelScan& model, const std::string& device);

/// Sets the options of the CPU's kernels that the precision needs. Throws as expect_typed.
void set_cpu_precision(const Request& request, const ModelScan& model, Options& options);
/// fp32 is not TF32.
void set_cuda_precision(const Request& request, const ModelScan& model, Options& options);
/// By the provider's flags up to TensorRT 10; from 11 on the model's types decide. `tensorrt`: its major version, 0
/// where it is not known.
void set_tensorrt_precision(const Request& request, const ModelScan& model, int tensorrt, Options& options);
void set_openvino_precision(const Request& request, const ModelScan& model, Options& options);

}  // namespace fovea::plugin
