#include "backends/native/engine_cache.h"

#include <chrono>
#include <cstdlib>
#include <ctime>

#include <fmt/ranges.h>

#include "backends/native/engine_key.h"
#include "backends/native/model_files.h"
#include "base/content_hash.h"
#include "base/cpu_features.h"
#include "base/error.h"
#include "base/log.h"

namespace fovea::backends {
namespace {

namespace fs = std::filesystem;

/// Letters, digits, '_', '.' and '-' of the model's name: what any file system takes.
std::string plain_name(const fs::path& model) {
  constexpr size_t kLongest = 80;
  std::string name = model.stem().string().substr(0, kLongest);
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.' && c != '-') c = '_';
  return name.empty() || name.front() == '.' ? "_" + name : name;
}

std::string shapes_text(const CompileOptions& options) {
  std::string text;
  for (const auto& [name, shape] : options.shapes) text += fmt::format("{}={}\n", name, to_string(shape));
  return text;
}

std::vector<fs::path> paths_of(std::string_view text) {
  std::vector<fs::path> paths;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\0'), text.size());
    paths.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return paths;
}

/// Temporary files of writers of this file that were killed an hour ago or longer.
void remove_leftovers(const fs::path& file) {
  const std::string prefix = file.filename().string() + ".";
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(1);
  std::error_code failed;
  for (fs::directory_iterator it(file.parent_path(), failed), end; !failed && it != end; it.increment(failed)) {
    std::error_code gone;
    if (it->path().filename().string().starts_with(prefix) && it->last_write_time(gone) < old && !gone)
      fs::remove(it->path(), gone);
  }
}

}  // namespace

fs::path default_cache_folder() {
  if (const char* folder = std::getenv("XDG_CACHE_HOME"); folder && *folder == '/') return fs::path(folder) / "fovea";
  if (const char* home = std::getenv("HOME"); home && *home == '/') return fs::path(home) / ".cache" / "fovea";
  return {};
}

EngineCache::EngineCache(const fs::path& model, const CompileOptions& options, int threads)
    : folder_(options.cache), options_(options), threads_(threads) {
  std::error_code failed;
  model_ = fs::weakly_canonical(model, failed);
  if (failed) model_ = fs::absolute(model, failed);
  // What users vary stands in the name, so that each set of flags keeps its engine.
  const std::string flags =
      fmt::format("{}\n{}\n{}\n{}", threads, name_of(options.precision), name_of(active_isa()), shapes_text(options)) +
      std::string(cpu::field(engine_key(options, threads), "options")) +
      (cpu::field(engine_key(options, threads), "tuned") == "true" ? "\ntuned" : "");
  const std::string by_path = plain_name(model) + "-" + to_hex(content_hash(model_.string()));
  file_ = folder_ / (by_path + "-" + to_hex(content_hash(flags)) + ".fovea");
  notes_ = folder_ / (by_path + ".files");
  data_notes_ = folder_ / (by_path + ".data");
}

Result<cpu::EngineKey> EngineCache::key() const {
  cpu::EngineKey key = engine_key(options_, threads_);
  key.push_back({"shapes", shapes_text(options_)});
  key.push_back({"path", model_.string()});
  const std::string model_hash = FOVEA_TRY(Result(model_hash_));
  key.push_back({"model", model_hash});
  std::string list;
  for (const fs::path& file : data_files_) list += (list.empty() ? "" : std::string(1, '\0')) + file.string();
  key.push_back({"data files", std::move(list)});
  std::string data_hash;
  if (!data_files_.empty()) data_hash = FOVEA_TRY(hash_files(data_files_, data_notes_, threads_));
  key.push_back({"data", std::move(data_hash)});
  return key;
}

std::unique_ptr<cpu::Engine> EngineCache::find(const cpu::EngineOptions& options) {
  const auto miss = [&](std::string_view why) {
    log_debug("engine cache: {}: {}", file_.string(), why);
    return nullptr;
  };
  const auto file = cpu::EngineFile::open(file_);
  if (!file.ok())
    return miss(file.error().code == ErrorCode::not_found ? "no engine for this model with these flags yet"
                                                          : "made again: " + file.error().message);
  begun_s_ = std::time(nullptr);
  model_hash_ = hash_files({model_}, notes_, threads_);
  data_files_ = paths_of(cpu::field((*file)->key(), "data files"));
  const auto wanted = key();
  if (!wanted.ok()) return miss("made again: " + wanted.error().to_string());
  if ((*file)->key() != *wanted)
    return miss("made again, since the key differs: " + describe_differences((*file)->key(), *wanted));
  if (const auto verified = (*file)->verify(threads_); !verified.ok())
    return miss("made again: " + verified.error().message);
  auto engine = cpu::Engine::load(**file, options);
  if (!engine.ok()) return miss("made again: " + engine.error().to_string());
  log_debug("engine cache: {}", file_.string());
  return std::move(engine).value();
}

void EngineCache::begin() {
  begun_s_ = std::time(nullptr);
  std::error_code failed;
  fs::create_directories(folder_, failed);  // for the notes; store() says what is wrong with it
  model_hash_ = hash_files({model_}, notes_, threads_);
}

void EngineCache::store(const cpu::Engine& engine) const {
  const auto write = [&]() -> Result<void> {
    std::error_code failed;
    fs::create_directories(folder_, failed);
    if (failed) return io("cannot make the folder: {}", failed.message()).at(folder_.string());
    // Data files are known only when the model has been read: one that changed meanwhile has another hash than what was
    // read.
    for (const fs::path& file : data_files_)
      if (FOVEA_TRY(last_change(file)) + 2 >= begun_s_) return unsupported("{} has just changed", file.string());
    remove_leftovers(file_);
    return engine.save(file_, FOVEA_TRY(key()));
  };
  const auto written = write();
  if (written.ok())
    log_debug("engine cache: wrote {}", file_.string());
  else if (written.error().code == ErrorCode::unsupported)
    log_debug("engine cache: nothing kept: {}", written.error().to_string());
  else
    log_warning("the engine cache cannot keep the engine: {}", written.error().to_string());
}

}  // namespace fovea::backends
