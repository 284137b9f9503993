// ONNX files to graphs.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "fovea/result.h"
#include "graph/graph.h"

namespace fovea::onnx {

struct ReadOptions {
  int64_t max_bytes = int64_t{64} << 30;  // of the model file and its external data together
  /// Where what fovea lacks is listed, one error a node, instead of being refused: for `fovea inspect`. A graph that
  /// was read with errors in this list cannot run.
  std::vector<Error>* unsupported = nullptr;
  /// Gets the paths of the files with external data, all links resolved.
  std::vector<std::filesystem::path>* files = nullptr;
};

/// Reads a model: functions inlined, every node with its opset, weights left where they are (in the mapped file or its
/// external data, which must lie inside the model's real folder; links as in Hugging Face's cache are followed first).
/// Constant nodes become constants. The types of inputs, outputs and values between are what the file says, not what is
/// known. The graph is verified (graph/verify.h), sorted, and free of unknown operators. Errors: not_found, io,
/// invalid_model, unsupported; each names the file and, where there is one, the node.
Result<Graph> read_model(const std::filesystem::path& path, const ReadOptions& options = {});

/// The same from memory, which must outlive the graph's weights: `owner` is kept by them. External data is looked for
/// in `folder`; without one it is refused.
Result<Graph> read_model(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                         const std::filesystem::path& folder = {}, const ReadOptions& options = {});

/// One serialised TensorProto (the .pb files of ONNX's own tests).
Result<Tensor> read_tensor(std::span<const std::byte> bytes, std::shared_ptr<const void> owner = nullptr);

}  // namespace fovea::onnx
