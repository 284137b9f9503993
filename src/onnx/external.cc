#include "onnx/external.h"

#include <algorithm>
#include <system_error>

#include "base/error.h"

namespace fovea::onnx {
namespace {

namespace fs = std::filesystem;

bool lies_below(const fs::path& file, const fs::path& folder) {
  const auto [folder_end, file_place] = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
  return folder_end == folder.end() && file_place != file.end();
}

Result<void> check_location(const std::string& location) {
  const fs::path path(location);
  if (location.empty() || location.find('\0') != std::string::npos)
    return invalid_model("external data without a usable location");
  if (path.is_absolute()) return invalid_model("external data at the absolute path \"{}\"", location);
  for (const fs::path& part : path)
    if (part == "..") return invalid_model("external data outside the model's folder: \"{}\"", location);
  return {};
}

}  // namespace

void ExternalFiles::add_folder(const fs::path& folder) {
  std::error_code error;
  const fs::path real = fs::canonical(folder.empty() ? fs::path(".") : folder, error);
  if (!error && std::ranges::find(folders_, real) == folders_.end()) folders_.push_back(real);
}

ExternalFiles ExternalFiles::in_folder(const fs::path& folder) {
  ExternalFiles files;
  files.add_folder(folder);
  return files;
}

ExternalFiles ExternalFiles::beside(const fs::path& model) {
  ExternalFiles files = in_folder(model.parent_path());
  std::error_code error;
  const fs::path real = fs::canonical(model, error);
  if (!error) files.add_folder(real.parent_path());
  return files;
}

Result<std::shared_ptr<const MappedFile>> ExternalFiles::open(const std::string& location, int64_t& budget) {
  FOVEA_TRY(check_location(location));
  if (folders_.empty())
    return invalid_model("external data \"{}\", but the model comes without a folder", location)
        .with_fix("load it from its file");
  fs::path real;
  for (const fs::path& folder : folders_) {
    std::error_code error;
    real = fs::canonical(folder / location, error);
    if (!error) break;
    real.clear();
  }
  if (real.empty())
    return not_found("the external data file \"{}\" is missing or cannot be reached", location)
        .with_fix(fmt::format("put it into {}", folders_.front().string()));
  if (std::ranges::none_of(folders_, [&](const fs::path& folder) { return lies_below(real, folder); }))
    return invalid_model("external data \"{}\" is a link out of the model's folder", location)
        .with_fix("put the file itself into the model's folder");
  auto& file = open_[real];
  if (file == nullptr) {
    auto mapped = FOVEA_TRY(MappedFile::open(real));
    const auto size = static_cast<int64_t>(mapped->bytes().size());
    if (size > budget)
      return out_of_memory("external data \"{}\" of {} bytes is more than the limit leaves ({})", location, size,
                           budget);
    budget -= size;
    file = std::move(mapped);
    if (opened != nullptr) opened->push_back(real);
  }
  return file;
}

}  // namespace fovea::onnx
