#include "passes/byte_input.h"

#include "base/error.h"

namespace fovea::passes {

std::optional<ValueType> byte_type(const ValueType& declared, const ByteInput& input) {
  if (declared.dtype != DType::f32) return std::nullopt;
  if (!declared.shape) return ValueType{DType::u8, std::vector<Dim>{{}, {}, {}, {input.table.shape()[0], {}}}};
  const auto& shape = *declared.shape;
  if (shape.size() != 4) return std::nullopt;
  const size_t channel = input.channels_first ? 1 : 3;
  if (shape[channel].known() && shape[channel].value != input.table.shape()[0]) return std::nullopt;
  const Dim channels{input.table.shape()[0], {}};
  if (input.channels_first) return ValueType{DType::u8, std::vector<Dim>{shape[0], shape[2], shape[3], channels}};
  return ValueType{DType::u8, std::vector<Dim>{shape[0], shape[1], shape[2], channels}};
}

Result<Graph> with_byte_input(const Graph& graph, const ByteInput& input, Operators& operators) {
  const std::vector<ValueId> fed = fed_inputs(graph);
  if (fed.size() != 1 || graph.order().empty()) return internal("a photo for {} inputs", fed.size());
  const ValueId image = fed[0];
  const auto type = byte_type(graph.value(image).type, input);
  if (!type) return internal("a photo for {}", to_string(graph.value(image).type));
  Graph result = graph;
  const ValueId photo = result.add_value("photo", *type);
  for (ValueId& v : result.inputs)
    if (v == image) v = photo;
  const NodeId first = result.order().front();
  const auto add = [&](Node node) -> Result<void> {
    const NodeId id = result.insert_before(first, std::move(node));
    operators[id] = FOVEA_TRY(ops::parse_operator(result.node(id)));
    return {};
  };
  Node lookup;
  lookup.domain = "fovea";
  lookup.op_type = "QLookup";
  lookup.opset = 1;
  lookup.inputs = {photo, result.add_constant("pixels", input.table)};
  lookup.outputs = {input.channels_first ? result.add_value("image") : image};
  const ValueId looked_up = lookup.outputs[0];
  FOVEA_TRY(add(std::move(lookup)));
  if (!input.channels_first) return result;
  Node turn;
  turn.op_type = "Transpose";
  turn.opset = 13;
  turn.inputs = {looked_up};
  turn.outputs = {image};
  turn.attributes["perm"] = std::vector<int64_t>{0, 3, 1, 2};
  FOVEA_TRY(add(std::move(turn)));
  return result;
}

}  // namespace fovea::passes
