// MODEL.tvm.json: what tools/compile_tvm.py says of the library beside it.
#include "sidecar.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

namespace fovea::plugin {
namespace {

using Json = nlohmann::json;

constexpr size_t kLargestRank = 16;
constexpr int64_t kLargestTensor = int64_t{1} << 40;  // elements

int32_t parse_dtype(const std::string& name) {
  constexpr std::array<std::string_view, 13> kNames = {"float32", "float64", "float16", "bfloat16", "int8",
                                                       "uint8",   "int16",   "uint16",  "int32",    "uint32",
                                                       "int64",   "uint64",  "bool"};
  const auto* found = std::ranges::find(kNames, name);
  if (found == kNames.end()) throw std::runtime_error("\"" + name + "\" is no dtype");
  return static_cast<int32_t>(found - kNames.begin());
}

std::vector<Port> parse_ports(const Json& list) {
  std::vector<Port> ports;
  for (const Json& item : list) {
    Port port{item.at("name").get<std::string>(), parse_dtype(item.at("dtype").get<std::string>()), true};
    port.shape = item.at("shape").get<std::vector<int64_t>>();
    if (port.shape.size() > kLargestRank) throw std::runtime_error("\"" + port.name + "\" has too many dimensions");
    int64_t count = 1;
    for (const int64_t extent : port.shape) {
      if (extent < 1 || extent > kLargestTensor / count)
        throw std::runtime_error("\"" + port.name + "\" has an impossible shape");
      count *= extent;
    }
    ports.push_back(std::move(port));
  }
  return ports;
}

}  // namespace

Sidecar read_sidecar(const std::string& library) {
  const std::string path = std::filesystem::path(library).replace_extension(".json").string();
  std::ifstream file(path);
  if (!file)
    fail(FOVEA_NOT_FOUND, path + " is missing: it says what lies in the library",
         "compile the model with tools/compile_tvm.py");
  try {
    const Json json = Json::parse(file);
    Sidecar sidecar;
    sidecar.function = json.value("function", "main");
    sidecar.inputs = parse_ports(json.at("inputs"));
    sidecar.outputs = parse_ports(json.at("outputs"));
    sidecar.precision = json.value("precision", "fp32");
    for (const auto& [key, value] : json.items())
      if (key != "inputs" && key != "outputs")
        sidecar.facts.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
    return sidecar;
  } catch (const std::exception& e) {
    fail(FOVEA_INVALID_MODEL, path + " is damaged: " + e.what(), "compile the model again with tools/compile_tvm.py");
  }
}

}  // namespace fovea::plugin
