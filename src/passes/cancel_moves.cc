// Transpose(Reshape(Transpose(x))) and the like, where all elements end up in the order in which x has them ->
// Reshape(x)
//
// A patch embedding is one: a convolution over NHWC, turned to NCHW, its pixels merged, turned back to tokens x
// channels.
#include "passes/catalogue.h"
#include "passes/rewrite.h"
#include "passes/strided_view.h"

namespace fovea::passes {

Outcome cancel_moves(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (!node.is("Transpose")) return no_match();
  const auto view = strided_view(graph, node.outputs[0]);
  const ValueId input = node.inputs[0];
  const auto from = view ? shape_of(graph, view->base) : std::nullopt;
  if (!from || view->base == node.outputs[0]) return no_match();
  // Where the view begins at the same value, a plain Transpose of ones costs nothing either.
  if (view->base == input) return no_match();
  if (!view->is_whole() || view->scale != 1 || element_count(*from) != element_count(view->extents)) return no_effect();
  Node reshape;
  reshape.name = node.name;
  reshape.op_type = "Reshape";
  reshape.opset = 14;
  const auto rank = static_cast<int64_t>(view->extents.size());
  reshape.inputs = {view->base, graph.add_constant("shape", Tensor::of<int64_t>({rank}, view->extents))};
  replace_node(graph, id, std::move(reshape));
  return applied();
}

}  // namespace fovea::passes
