// Graphs to ONNX files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "fovea/result.h"
#include "graph/graph.h"

namespace fovea::onnx {

struct WriteOptions {
  /// Tensors of at least so many bytes go into a second file, PATH.data. Negative: none does.
  int64_t external_from = -1;
  std::string producer = "fovea";
};

/// Writes a model that read_model() reads as the same graph. Both files are written whole or not at all; the data file
/// is put in its place first. Error: unsupported where nodes of one domain have different opsets (one file has one) or
/// belong to passes (domain "fovea"); invalid_argument where the weights pass protobuf's 2 GB and stay inside; io.
Result<void> write_model(const Graph& graph, const std::filesystem::path& path, const WriteOptions& options = {});

/// The bytes of one file, with all weights inside.
Result<std::string> serialize_model(const Graph& graph, const std::string& producer = "fovea");

}  // namespace fovea::onnx
