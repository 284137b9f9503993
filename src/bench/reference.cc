#include "bench/reference.h"

#include "base/error.h"
#include "base/system.h"
#include "tasks/npy.h"

namespace fovea::bench {

Result<Reference> compute_reference(const ModelCase& model, const std::vector<NamedFile>& inputs,
                                    const std::string& folder, const OwnWay& own_way, const WorkerLimits& limits,
                                    const std::function<bool()>& stop) {
  struct Plain {
    std::string backend;
    std::vector<std::string> settings;
    const char* how;
  };
  std::vector<Plain> plain = {{"onnxruntime", {"graph_optimization_level=disable"}, "with optimisations off"}};
  constexpr double kSmallGmac = 1;  // reference kernels do some 0.5 GMAC/s
  if (model.gmac <= kSmallGmac) plain.push_back({"native", {"fast_kernels=false"}, "with reference kernels"});
  plain.push_back({"native", {}, "itself: its own row shows no error"});

  Error last = internal("no way was tried");
  for (const Plain& one : plain) {
    if (stop && stop()) return unavailable("interrupted");
    const Way way = own_way(one.backend, one.settings);
    auto worker = FOVEA_TRY(Worker::start(way.argv, way.shown, limits, stop));
    LoadRequest request;
    request.model = model.path.string();
    request.batch = model.batch;
    request.threads = granted_cores();
    request.inputs = inputs;
    request.outputs = folder;
    auto loaded = worker->load(request);
    if (!loaded.ok()) {
      last = std::move(loaded).error();
      continue;
    }
    Reference reference;
    reference.origin = fmt::format("{} {}", loaded->library, one.how);
    for (const NamedFile& output : loaded->outputs) {
      reference.outputs.push_back(FOVEA_TRY(tasks::read_npy(output.file)));
      reference.names.push_back(output.name);
    }
    worker->stop();
    return reference;
  }
  return last;
}

}  // namespace fovea::bench
