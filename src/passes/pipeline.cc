#include "passes/pipeline.h"

#include <chrono>
#include <cstdlib>

#include "base/error.h"
#include "graph/verify.h"
#include "passes/catalogue.h"

namespace fovea::passes {
namespace {

bool contains_name(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const std::string_view item = list.substr(0, comma);
    if (item == name || item == "all") return true;
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
  return false;
}

Result<PassRecord> sweep(Graph& graph, const Pass& pass, bool check) {
  const auto start = std::chrono::steady_clock::now();
  PassRecord record;
  record.name = pass.name;
  if (pass.rewrite != nullptr) record.applied = pass.rewrite(graph);
  const std::vector<NodeId> order = graph.order();  // nodes that the pass makes are not visited again
  for (NodeId id : order) {
    if (pass.apply == nullptr || !graph.alive(id)) continue;
    const Outcome outcome = pass.apply(graph, id);
    switch (outcome.kind) {
      case Outcome::Kind::no_match: break;
      case Outcome::Kind::no_effect: ++record.no_effect; break;
      case Outcome::Kind::refused:
        ++record.refused;
        ++record.reasons[outcome.reason];
        break;
      case Outcome::Kind::applied: ++record.applied; break;
    }
  }
  if (record.applied > 0) {
    graph.remove_dead_nodes();
    FOVEA_TRY_AT(record.name, graph.sort());
    if (check)
      if (const auto verified = verify(graph); !verified.ok())
        return internal("{}", verified.error().to_string()).at("behind pass " + record.name);
  }
  record.ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  return record;
}

}  // namespace

Result<PassRecord> run_pass(Graph& graph, const Pass& pass) { return sweep(graph, pass, true); }

Result<void> run_pipeline(Graph& graph, Stage stage, std::vector<PassRecord>* records) {
  const char* skip = std::getenv("FOVEA_SKIP_PASSES");
  bool check = std::getenv("FOVEA_VERIFY_PASSES") != nullptr;
#ifndef NDEBUG
  check = true;
#endif
  for (const Pass& pass : pipeline(stage)) {
    if (skip != nullptr && contains_name(skip, pass.name)) continue;
    PassRecord record = FOVEA_TRY(sweep(graph, pass, check));
    if (records) records->push_back(std::move(record));
  }
  return {};
}

}  // namespace fovea::passes
