#include "onnx/read.h"

#include "base/error.h"
#include "base/log.h"
#include "base/mapped_file.h"
#include "graph/verify.h"
#include "onnx/graph_reader.h"
#include "onnx/wire.h"

namespace fovea::onnx {
namespace {

constexpr int64_t kNewestIrVersion = 14;  // of which we have read the changes

/// The first thing that fovea lacks, with the number of the others.
Error refusal(std::vector<Error>& lacking) {
  Error first = std::move(lacking.front());
  if (lacking.size() > 1)
    first.message += fmt::format(" ({} more nodes have something that it lacks)", lacking.size() - 1);
  return first;
}

Result<Graph> read(TensorSource source, const ReadOptions& options) {
  const auto size = static_cast<int64_t>(source.file.size());
  if (size > options.max_bytes)
    return out_of_memory("the model has {} bytes, the limit is {}", size, options.max_bytes);
  source.budget = options.max_bytes - size;
  source.external.opened = options.files;
  if (source.file.empty()) return invalid_model("the file is empty").with_fix("fetch or export it again");
  const wire::Model model = FOVEA_TRY(parse_model(source.file));
  if (!model.has_graph()) return invalid_model("the file is no ONNX model: it has no graph");
  GraphReader reader(model, std::move(source));
  Graph graph = FOVEA_TRY(reader.read());
  if (!reader.unsupported().empty() && options.unsupported == nullptr) return refusal(reader.unsupported());
  if (options.unsupported != nullptr) *options.unsupported = std::move(reader.unsupported());
  FOVEA_TRY(verify(graph));
  if (model.ir_version() > kNewestIrVersion)
    log_warning("the model's IR version {} is newer than fovea ({}): what is new in it is not understood",
                model.ir_version(), kNewestIrVersion);
  return graph;
}

}  // namespace

Result<Graph> read_model(const std::filesystem::path& path, const ReadOptions& options) {
  const auto file = FOVEA_TRY(MappedFile::open(path));
  return FOVEA_TRY_AT(path.string(), read({file->bytes(), file, ExternalFiles::beside(path)}, options));
}

Result<Graph> read_model(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                         const std::filesystem::path& folder, const ReadOptions& options) {
  return read({bytes, std::move(owner), folder.empty() ? ExternalFiles() : ExternalFiles::in_folder(folder)}, options);
}

Result<Tensor> read_tensor(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  const wire::Tensor proto = FOVEA_TRY(parse_tensor(bytes));
  TensorSource source{bytes, std::move(owner), {}};
  return to_tensor(proto, source);
}

}  // namespace fovea::onnx
