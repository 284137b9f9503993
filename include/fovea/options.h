// How a model is to be compiled: backend, precision, threads, and what the backend itself takes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fovea {

/// Number format of the products. fp32 means fp32: no backend lowers it in silence.
enum class Precision : uint8_t { fp32, bf16, fp16, int8 };

/// "fp32", "bf16", "fp16", "int8".
std::string_view name_of(Precision precision);

struct CompileOptions {
  std::string backend = "native";  // NAME or NAME:device, as in "onnxruntime:cuda"
  Precision precision = Precision::fp32;
  int threads = 0;                                  // 0: the cores that the system grants to this process
  std::map<std::string, std::string> options = {};  // under the backend's own names; `fovea doctor -v` lists them
  std::map<std::string, std::vector<int64_t>> shapes = {};  // of inputs, where known: an engine may specialise for them
  std::filesystem::path cache = {};                         // folder where the backend keeps compiled engines; "": none
};

}  // namespace fovea
