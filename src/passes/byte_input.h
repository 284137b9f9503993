// A graph whose image comes as bytes.
#pragma once

#include <optional>

#include "fovea/result.h"
#include "passes/specialise.h"

namespace fovea::passes {

/// What stands for the bytes of a photo.
struct ByteInput {
  Tensor table;                 // f32 {channels, 256}: value v of channel c is table[c][v]
  bool channels_first = false;  // what the model takes is {N, C, H, W}, not {N, H, W, C}
};

/// The type of photos in place of an input of this type: u8 {N, H, W, C}. nullopt where that is no f32 image of so many
/// channels.
std::optional<ValueType> byte_type(const ValueType& declared, const ByteInput& input);

/// The graph with its one input, an f32 image, taken as bytes; `operators` gets those of the nodes that are added. What
/// the model computes stays the same, bit for bit. Precondition: byte_type() of the input is something.
Result<Graph> with_byte_input(const Graph& graph, const ByteInput& input, Operators& operators);

}  // namespace fovea::passes
