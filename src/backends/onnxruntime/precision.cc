#include "precision.h"

namespace fovea::plugin {
namespace {

bool is_typed(const ModelScan& model, int32_t precision) {
  switch (precision) {
    case FOVEA_BF16_PRODUCTS: return model.bfloat;
    case FOVEA_FP16_PRODUCTS: return model.half;
    case FOVEA_INT8_PRODUCTS: return model.quantized;
    default: return true;
  }
}

std::string how_to_type(int32_t precision) {
  if (precision == FOVEA_INT8_PRODUCTS)
    return "give it a quantized model, with QuantizeLinear and DequantizeLinear around its products";
  const bool bf16 = precision == FOVEA_BF16_PRODUCTS;
  return "give it a model whose weights are " + std::string(name_of_precision(precision)) +
         (bf16 ? ", or use --backend native or openvino, which convert" : ", or a device that converts");
}

}  // namespace

void expect_typed(const Request& request, const ModelScan& model, const std::string& device) {
  if (is_typed(model, request.precision)) return;
  fail(FOVEA_UNSUPPORTED,
       "ONNX Runtime computes on " + device + " in the model's own types, and these are not " +
           std::string(name_of_precision(request.precision)),
       how_to_type(request.precision));
}

void set_cpu_precision(const Request& request, const ModelScan& model, Options& options) {
#if defined(__aarch64__)
  if (request.precision == FOVEA_BF16_PRODUCTS) {  // the one conversion that its CPU kernels do
    options.emplace("mlas.enable_gemm_fastmath_arm64_bfloat16", "1");
    return;
  }
#else
  (void)options;
#endif
  expect_typed(request, model, "this CPU");
}

void set_cuda_precision(const Request& request, const ModelScan& model, Options& options) {
  expect_typed(request, model, "CUDA");
  options.emplace("use_tf32", "0");  // its default is 1: products of 10 bits
}

void set_tensorrt_precision(const Request& request, const ModelScan& model, int tensorrt, Options& options) {
  if (request.precision == FOVEA_FP32) return;
  if (tensorrt >= 11) {
    if (is_typed(model, request.precision)) return;
    fail(FOVEA_UNSUPPORTED,
         "TensorRT " + std::to_string(tensorrt) + " has no switch for " +
             std::string(name_of_precision(request.precision)) + ": the model's types decide",
         how_to_type(request.precision));
  }
  const char* flag = request.precision == FOVEA_INT8_PRODUCTS   ? "trt_int8_enable"
                     : request.precision == FOVEA_FP16_PRODUCTS ? "trt_fp16_enable"
                                                                : "trt_bf16_enable";
  const auto [option, added] = options.emplace(flag, "1");
  if (!added && option->second != "1" && option->second != "true" && option->second != "True")
    fail(FOVEA_INVALID_ARGUMENT,
         std::string("-O ") + flag + "=" + option->second + " contradicts --precision " +
             std::string(name_of_precision(request.precision)),
         "leave one of them out");
  if (request.precision == FOVEA_INT8_PRODUCTS && !model.quantized &&
      !options.contains("trt_int8_calibration_table_name"))
    fail(FOVEA_INVALID_ARGUMENT, "int8 with TensorRT needs the ranges of a calibration, and the model has none",
         "give it a quantized model, or a table with -O trt_int8_calibration_table_name=FILE");
}

void set_openvino_precision(const Request& request, const ModelScan& model, Options& options) {
  switch (request.precision) {
    case FOVEA_FP32: options.emplace("precision", "FP32"); return;
    case FOVEA_FP16_PRODUCTS: options.emplace("precision", "FP16"); return;
    case FOVEA_INT8_PRODUCTS:
      expect_typed(request, model, "OpenVINO");
      options.emplace("precision", "FP32");  // of its float parts
      return;
    default:
      fail(FOVEA_UNSUPPORTED, "ONNX Runtime's OpenVINO provider has no switch for bf16",
           "use --backend openvino, which has one");
  }
}

}  // namespace fovea::plugin
