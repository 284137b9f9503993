// Graphs as bytes: for engine files. Constants stay outside, under numbers.
#pragma once

#include <functional>

#include "cpu/byte_stream.h"
#include "graph/graph.h"

namespace fovea::cpu {

/// The number of a constant.
using NumberConstant = std::function<uint64_t(ValueId id, const Tensor& constant)>;
/// The constant of that number. Error: invalid_model where there is none.
using FindConstant = std::function<Result<Tensor>(uint64_t number)>;

/// Values that nothing uses are left out, and the others get new ids, which the writer gets to know: `ids` by old id,
/// kNoValue for what is left out. `extra`: constants that are written though the graph does not hold them any more.
void write_graph(ByteWriter& out, const Graph& graph, const NumberConstant& number, std::vector<ValueId>* ids = nullptr,
                 const std::function<std::optional<uint64_t>(ValueId)>& extra = nullptr);

/// The graph, verified. Error: invalid_model.
Result<Graph> read_graph(ByteReader& in, const FindConstant& find);

}  // namespace fovea::cpu
