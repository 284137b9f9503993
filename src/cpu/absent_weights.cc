#include "cpu/absent_weights.h"

#include <sys/mman.h>

#include <algorithm>

#include "base/error.h"

namespace fovea::cpu {
namespace {

template <class Visit>
void for_each_constant(const Graph& graph, Visit visit) {
  for (size_t i = 0; i < graph.value_slots(); ++i)
    if (const Tensor* constant = graph.constant(static_cast<ValueId>(i))) visit(static_cast<ValueId>(i), *constant);
}

}  // namespace

Result<Tensor> absent_tensor(const TensorType& type) {
  const auto bytes = static_cast<size_t>(FOVEA_TRY(checked_bytes(type.dtype, type.shape)));
  // Pages that are only ever read are all the same page of zeros.
  void* block =
      mmap(nullptr, std::max<size_t>(bytes, 1), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (block == MAP_FAILED) return out_of_memory("no addresses for a tensor {}", to_string(type));
  std::shared_ptr<const void> owner(
      block, [bytes](const void* p) { munmap(const_cast<void*>(p), std::max<size_t>(bytes, 1)); });
  return Tensor::wrap(std::move(owner), block, type.dtype, type.shape);
}

Result<Graph> without_weights(const Graph& graph) {
  Graph light = graph;
  Result<void> outcome;
  for_each_constant(graph, [&](ValueId v, const Tensor& constant) {
    if (constant.bytes() <= kSmallConstant || !outcome.ok()) return;
    if (auto absent = absent_tensor(constant.type()); absent.ok())
      light.set_constant(v, std::move(absent).value());
    else
      outcome = std::move(absent).error();
  });
  FOVEA_TRY(std::move(outcome));
  return light;
}

void drop_unused_constants(Graph& graph) {
  std::vector<ValueId> unused;
  for_each_constant(graph, [&](ValueId v, const Tensor&) {
    if (graph.users(v).empty() && !graph.is_output(v) && std::ranges::find(graph.inputs, v) == graph.inputs.end())
      unused.push_back(v);
  });
  for (ValueId v : unused) graph.clear_constant(v);
}

std::vector<std::span<const std::byte>> large_constants(const Graph& graph) {
  std::vector<std::span<const std::byte>> list;
  for_each_constant(graph, [&](ValueId, const Tensor& constant) {
    if (constant.bytes() > kSmallConstant) list.emplace_back(constant.data<std::byte>(), constant.bytes());
  });
  return list;
}

}  // namespace fovea::cpu
