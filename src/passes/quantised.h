// What passes over quantised graphs have in common: reading QuantizeLinear and DequantizeLinear nodes.
#pragma once

#include <optional>
#include <vector>

#include "graph/graph.h"

namespace fovea::passes {

/// Scale and zero point of bytes: one for the tensor, or one scale for each index of an axis.
struct Quantisation {
  DType dtype = DType::u8;  // u8 or i8
  std::vector<float> scale;
  std::vector<int32_t> zero;  // as many
  int64_t axis = 0;           // where there are several
  bool per_tensor() const { return scale.size() == 1; }
  bool operator==(const Quantisation&) const = default;
};

/// A value that DequantizeLinear makes of bytes.
struct Dequantised {
  ValueId source;  // the bytes
  Quantisation q;
};

/// What a DequantizeLinear of bytes with known scales and zero points does, its result being f32; nullopt for others.
std::optional<Dequantised> dequantised(const Graph& graph, ValueId value);
/// The same, with one scale for the tensor.
std::optional<Dequantised> dequantised_tensor(const Graph& graph, ValueId value);
/// The same, where the scale for the tensor and the zero point are computed, as DynamicQuantizeLinear does.
struct DynamicallyDequantised {
  ValueId source, scale, zero;
};
std::optional<DynamicallyDequantised> dequantised_dynamically(const Graph& graph, ValueId value);
/// What a QuantizeLinear of f32 to bytes does, with one known scale for the tensor.
std::optional<Quantisation> quantiser(const Graph& graph, NodeId id);
/// The same, with known scales for the tensor or along an axis.
std::optional<Quantisation> any_quantiser(const Graph& graph, NodeId id);

/// The one QuantizeLinear (as in any_quantiser()) that is the value's only user; kNoNode where there is none.
NodeId only_quantiser(const Graph& graph, ValueId value);

/// Whether a DequantizeLinear makes the weights of a product whose other operand is dequantised, too, transposed or as
/// they are: fuse_quantized wants their bytes. Folded, they would be four times as large, and floats for good.
bool weighs_bytes(const Graph& graph, const Node& node);

/// Whether a value serves as the right operand of MatMul and Gemm alone, itself or transposed once.
bool leads_to_products(const Graph& graph, ValueId weight);
/// Whether the node (DequantizeLinear of bytes, Cast of f16 or bf16, of a known matrix) makes f32 weights of linear
/// layers, and nothing else, of what is stored in fewer bits: what narrow_weights looks for.
bool widens_weight(const Graph& graph, const Node& node);

/// Whether the node moves elements about without looking at them, with data in input 0 alone.
bool moves_elements(const Node& node);

}  // namespace fovea::passes
