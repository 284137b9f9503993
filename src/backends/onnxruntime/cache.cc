#include "cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>

#include "hash.h"
#include "model_scan.h"

namespace fovea::plugin {
namespace {

namespace fs = std::filesystem;

/// What distinguishes this CPU from others: ONNX Runtime lays out weights for its instruction set.
std::string cpu() {
  std::ifstream file("/proc/cpuinfo");
  std::string line, result;
  while (std::getline(file, line) && !line.empty())  // an empty line ends the first core
    if (line.starts_with("model name") || line.starts_with("flags") || line.starts_with("CPU") ||
        line.starts_with("Features"))
      result += line + "\n";
  return result;
}

std::string hexadecimal(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

}  // namespace

fs::path cache_folder(const Request& request, const OnnxRuntime& library) {
  std::error_code failed;
  Hash hash;
  const auto add = [&](const std::string& text) { hash.add(text + '\n'); };
  add(hexadecimal(model_key(request.model)));
  add(library.version() + " " + library.file().string() + " " + std::to_string(fs::file_size(library.file(), failed)));
  add(request.device + " " + std::string(name_of_precision(request.precision)));
  for (const auto& [name, value] : request.options)
    if (name != "library") add(name + "=" + value);
  add(cpu());

  const fs::path folder = fs::absolute(request.cache, failed) / ("onnxruntime-" + hexadecimal(hash.value()));
  fs::create_directories(folder, failed);
  if (failed)
    fail(FOVEA_IO, "the cache folder " + folder.string() + " cannot be made: " + failed.message(),
         "name another one with --cache");
  return folder;
}

OptimizedModel::OptimizedModel(const fs::path& folder) : file_(folder / "model.onnx") {
  static std::atomic<int> drafts = 0;  // several engines of one process may be at it
  draft_ = folder / ("draft-" + std::to_string(getpid()) + "-" + std::to_string(++drafts) + ".onnx");
}

OptimizedModel::~OptimizedModel() {
  std::error_code failed;
  fs::remove(draft_, failed);
}

bool OptimizedModel::there() const {
  std::error_code failed;
  return fs::is_regular_file(file_, failed);
}

bool OptimizedModel::keep() {
  const int draft = open(draft_.c_str(), O_RDONLY | O_CLOEXEC);
  if (draft < 0) return false;
  const bool written = fsync(draft) == 0;
  close(draft);
  std::error_code failed;
  if (written) fs::rename(draft_, file_, failed);
  return written && !failed;
}

void OptimizedModel::discard() {
  std::error_code failed;
  fs::remove(file_, failed);
}

}  // namespace fovea::plugin
