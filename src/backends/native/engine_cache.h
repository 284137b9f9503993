// The engine cache: engine files of the native backend in a folder, one for each model and set of flags.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cpu/engine.h"
#include "fovea/options.h"

namespace fovea::backends {

class EngineCache {
 public:
  /// Names are formed from the model's path and the flags; nothing is read or made yet.
  EngineCache(const std::filesystem::path& model, const CompileOptions& options, int threads);

  /// The engine of before, if the model, fovea, the machine and the flags are the same and the file is whole. Else
  /// nothing, and `-v` says why: which part of the key differs, or what is wrong with the file.
  std::unique_ptr<cpu::Engine> find(const cpu::EngineOptions& options);

  /// Before a model is read whose engine is to be kept: what changes from now on makes another key.
  void begin();
  /// When it has been read: where its external data lies.
  void set_data_files(std::vector<std::filesystem::path> files) { data_files_ = std::move(files); }
  /// Behind find() or begin(): keeps the engine's plans. What goes wrong is a warning: the engine runs all the same.
  void store(const cpu::Engine& engine) const;

  const std::filesystem::path& file() const { return file_; }

 private:
  Result<cpu::EngineKey> key() const;

  std::filesystem::path model_, folder_, file_, notes_, data_notes_;
  CompileOptions options_;
  int threads_;
  std::vector<std::filesystem::path> data_files_;
  Result<std::string> model_hash_ = std::string();
  int64_t begun_s_ = 0;  // when, since 1970
};

/// $XDG_CACHE_HOME/fovea, or ~/.cache/fovea; empty where there is no home.
std::filesystem::path default_cache_folder();

}  // namespace fovea::backends
