// Graphs as text: for tests of passes, `fovea inspect --graph`, and for eyes.
//
//     graph demo (f32[batch,3,8,8] image, i64[2] size = {8, 8}) -> (probabilities) {
//       metadata "author" = "nobody"
//       weight = constant f32[4,3,1,1] random(7)           # also zeros, fill(0.5), {1, 2, ...}
//       x = Conv@21(image, weight) {group=1, strides=[2, 2]} "stem/conv"
//       f32[batch,4] y, _ = fovea.Pool@1(x, _)              # _: an operand that is left out
//       probabilities = If@16(flag) {
//         else_branch=graph [y]() -> (y) {},                # [y]: captured; [inner = outer] where the names differ
//         then_branch=graph [y]() -> (z) {
//           z = Softmax@13(y) {axis=-1}
//         }
//       }
//     }
//
// A name is letters, digits and any of _ . / : $ or else "quoted". A type before a name is what is known of the value;
// a dtype that is not known is written ?. Attributes: integers, floats (with a point or an exponent), "strings", lists
// of one of these ([] alone is a list of integers; floats[] and strings[] the other two), tensors (f32[2] {1, 2}),
// graphs. Comments run from # to the end of the line.
#pragma once

#include <string>
#include <string_view>

#include "graph/graph.h"

namespace fovea {

struct PrintOptions {
  /// Constants with more elements are cut short; parse() refuses such text. Negative: all are printed in full.
  int64_t max_elements = -1;
};

/// The text of a graph; parse() makes the same graph from it (same names, types, constants bit for bit, attributes,
/// order of nodes). Constants that nobody uses are left out.
std::string print(const Graph& graph, const PrintOptions& options = {});

/// The graph of a text, verified. Error: invalid_argument with line and column; those of verify().
Result<Graph> parse_graph(std::string_view text);

}  // namespace fovea
