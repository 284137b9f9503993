// The files beside a model that hold its weights: where they may lie, and each mapped once.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "fovea/result.h"

namespace fovea::onnx {

/// A data file must lie, after all links are resolved, below the folder of the model as its path was given, or below
/// the folder in which the model's file really is. The second is for Hugging Face's cache, whose snapshots are folders
/// of links into a folder `blobs`.
class ExternalFiles {
 public:
  /// No folder: external data is refused.
  ExternalFiles() = default;
  /// For a model in memory that belongs to this folder.
  static ExternalFiles in_folder(const std::filesystem::path& folder);
  /// For a model file.
  static ExternalFiles beside(const std::filesystem::path& model);

  /// The file that a tensor calls `location`, mapped. `budget` is the number of bytes that may still be mapped; it is
  /// taken from. Error: invalid_model for a location that leads out of the folders, not_found, io.
  Result<std::shared_ptr<const MappedFile>> open(const std::string& location, int64_t& budget);

  /// Where the paths of files go when they are opened; nullptr: nowhere.
  std::vector<std::filesystem::path>* opened = nullptr;

 private:
  void add_folder(const std::filesystem::path& folder);

  std::vector<std::filesystem::path> folders_;  // with all links resolved
  std::map<std::filesystem::path, std::shared_ptr<const MappedFile>> open_;
};

}  // namespace fovea::onnx
