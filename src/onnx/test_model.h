// For the tests of the reader: models from the text form, changed in the wire messages, read from memory.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "graph/text.h"
#include "onnx/onnx_wire.pb.h"
#include "onnx/read.h"
#include "onnx/write.h"

namespace fovea::onnx {

/// The file of a graph in text form.
inline std::string model_of(std::string_view text) {
  const auto graph = parse_graph(text);
  EXPECT_TRUE(graph.ok()) << graph.error().to_string();
  if (!graph) return {};
  auto bytes = serialize_model(*graph);
  EXPECT_TRUE(bytes.ok()) << bytes.error().to_string();
  return bytes ? *bytes : std::string();
}

/// The same after a change to its messages.
inline std::string changed(const std::string& bytes, const std::function<void(wire::Model&)>& change) {
  wire::Model model;
  EXPECT_TRUE(model.ParseFromString(bytes));
  change(model);
  return model.SerializeAsString();
}

/// Reads from a copy that exactly fits, so that sanitizers see every read beyond it.
inline Result<Graph> read_bytes(const std::string& bytes, const ReadOptions& options = {}) {
  const auto copy = std::make_shared<std::vector<std::byte>>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(copy->data()));
  return read_model(*copy, copy, {}, options);
}

inline Graph read_or_fail(const std::string& bytes) {
  auto graph = read_bytes(bytes);
  EXPECT_TRUE(graph.ok()) << graph.error().to_string();
  return graph ? *std::move(graph) : Graph();
}

inline wire::Node make_node(std::string_view type, std::initializer_list<std::string> inputs,
                            std::initializer_list<std::string> outputs, std::string_view name = "") {
  wire::Node node;
  node.set_op_type(std::string(type));
  for (const std::string& input : inputs) node.add_input(input);
  for (const std::string& output : outputs) node.add_output(output);
  if (!name.empty()) node.set_name(std::string(name));
  return node;
}

}  // namespace fovea::onnx
