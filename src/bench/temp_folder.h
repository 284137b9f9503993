// A folder for the tensors that workers read and write; it goes when we do.
#pragma once

#include <filesystem>

#include "fovea/result.h"

namespace fovea::bench {

class TempFolder {
 public:
  /// Below the system's folder for temporary files (TMPDIR), for this user only. Error: io.
  static Result<TempFolder> make();
  ~TempFolder();
  TempFolder(TempFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TempFolder& operator=(TempFolder&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit TempFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace fovea::bench
