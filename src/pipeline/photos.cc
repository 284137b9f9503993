#include "pipeline/photos.h"

#include <glob.h>

#include <algorithm>
#include <array>

#include "base/error.h"

namespace fovea::pipeline {
namespace {

namespace fs = std::filesystem;

bool looks_like_photo(const fs::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return std::tolower(c); });
  constexpr std::array<std::string_view, 4> kExtensions = {".jpg", ".jpeg", ".png", ".webp"};
  return std::ranges::find(kExtensions, extension) != kExtensions.end();
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

void add_folder(const fs::path& folder, PhotoList& list) {
  std::vector<std::string> names;
  std::error_code failed;
  fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, failed), end;
  for (; !failed && it != end; it.increment(failed)) {
    std::error_code ignored;
    if (is_hidden(it->path())) {
      if (it->is_directory(ignored)) it.disable_recursion_pending();
      continue;
    }
    if (looks_like_photo(it->path()) && it->is_regular_file(ignored)) names.push_back(it->path().string());
  }
  if (failed) list.failures.push_back(io("cannot read the folder: {}", failed.message()).at(folder.string()));
  if (names.empty() && !failed)
    list.failures.push_back(not_found("no .jpg, .jpeg, .png or .webp in this folder").at(folder.string()));
  std::ranges::sort(names);
  for (std::string& name : names) list.photos.push_back({std::move(name), nullptr});
}

void add_glob(const std::string& pattern, PhotoList& list) {
  glob_t found{};
  const int outcome = ::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found);
  std::vector<std::string> names;
  for (size_t i = 0; outcome == 0 && i < found.gl_pathc; ++i) names.emplace_back(found.gl_pathv[i]);
  ::globfree(&found);
  if (names.empty()) list.failures.push_back(not_found("no file matches").at(pattern));
  std::ranges::sort(names);
  for (std::string& name : names) {
    std::error_code ignored;
    if (fs::is_directory(name, ignored))
      add_folder(name, list);
    else
      list.photos.push_back({std::move(name), nullptr});
  }
}

void add_stdin(std::istream& in, PhotoList& list) {
  auto bytes = std::make_shared<std::string>();
  std::array<char, 1 << 16> block;
  while (in.read(block.data(), block.size()), in.gcount() > 0) {
    bytes->append(block.data(), static_cast<size_t>(in.gcount()));
    if (bytes->size() > kMaxStdinBytes) {
      list.failures.push_back(invalid_image("more than {} bytes", kMaxStdinBytes).at("-"));
      return;
    }
  }
  list.photos.push_back({"-", std::move(bytes)});
}

}  // namespace

PhotoList find_photos(std::span<const std::string> arguments, std::istream& in) {
  PhotoList list;
  for (const std::string& argument : arguments) {
    std::error_code ignored;
    if (argument == "-")
      add_stdin(in, list);
    else if (fs::is_directory(argument, ignored))
      add_folder(argument, list);
    else if (!fs::exists(argument, ignored) && argument.find_first_of("*?[") != std::string::npos)
      add_glob(argument, list);
    else
      list.photos.push_back({argument, nullptr});
  }
  return list;
}

Result<image::Image> decode_photo(const Photo& photo, const image::DecodeOptions& options) {
  if (!photo.bytes) return image::read_image(photo.name, options);
  return FOVEA_TRY_AT(photo.name, image::decode(std::as_bytes(std::span(*photo.bytes)), options));
}

Result<OpenPhoto> open_photo(const Photo& photo, const image::DecodeOptions& options) {
  OpenPhoto open;
  if (!photo.bytes) open.file = FOVEA_TRY(MappedFile::open(photo.name));
  const auto bytes = photo.bytes ? std::as_bytes(std::span(*photo.bytes)) : open.file->bytes();
  open.reader = FOVEA_TRY_AT(photo.name, image::PhotoReader::open(bytes, options));
  return open;
}

}  // namespace fovea::pipeline
