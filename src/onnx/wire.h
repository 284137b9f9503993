// Parsing ONNX's messages while their weights stay where they are.
//
// Protobuf's parser copies every bytes field, which would double the memory of a model. So the file is walked once
// before protobuf sees it: everything is copied but the bytes of raw_data, in whose place the tensor gets their offset
// and size (raw_offset, raw_size in onnx_wire.proto). What is left is small, and protobuf parses that. The walk also
// bounds what the parser can be made to do: lengths, nesting, number of messages, fields that fovea has no use for.
#pragma once

#include <span>

#include "fovea/result.h"
#include "onnx/onnx_wire.pb.h"

namespace fovea::onnx {

/// Error: invalid_model where the bytes are no such message, are cut short, or nest too deep.
Result<wire::Model> parse_model(std::span<const std::byte> bytes);
Result<wire::Tensor> parse_tensor(std::span<const std::byte> bytes);

}  // namespace fovea::onnx
