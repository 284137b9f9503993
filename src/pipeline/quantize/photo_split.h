// Which photos of a folder are calibrated with, and which are held back to see what came of it.
#pragma once

#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "pipeline/photos.h"
#include "tasks/labels.h"

namespace fovea::pipeline {

/// "5%" of them, or "200" of them.
struct Amount {
  double percent = -1;  // negative: `count` says it
  int64_t count = 0;
  /// Of `all`: at least 1 where there are any and the amount is not 0, at most all.
  int64_t of(int64_t all) const;
};
/// Error: invalid_argument for what is neither a count nor a percentage up to 100.
Result<Amount> parse_amount(std::string_view text);

struct PhotoSplit {
  std::vector<Photo> calibration, held_back;
};
/// Draws without replacement, `held_back` first, then `sample` of the folder for calibration (at most what is left).
/// The same photos and seed give the same split on every machine.
PhotoSplit split_photos(std::vector<Photo> photos, const Amount& sample, const Amount& held_back, uint64_t seed);

/// The true class of photos that lie in one folder a class: by the folder's name among the labels, else by the folder's
/// place among as many sorted folders as there are classes (as torchvision's ImageFolder counts).
class FolderClasses {
 public:
  /// Nothing where the photos' folders are no classes.
  static std::optional<FolderClasses> find(std::span<const Photo> photos, const tasks::Labels& labels, int64_t classes);
  std::optional<int64_t> of(const Photo& photo) const;

 private:
  std::map<std::string, int64_t> by_folder_;
};

}  // namespace fovea::pipeline
