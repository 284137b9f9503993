#include "pipeline/quantize/photo_split.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <random>
#include <set>

#include "base/error.h"

namespace fovea::pipeline {
namespace {

/// The name of the folder that the photo lies in.
std::string folder_of(const Photo& photo) {
  return std::filesystem::path(photo.name).parent_path().filename().string();
}

}  // namespace

int64_t Amount::of(int64_t all) const {
  if (all <= 0) return 0;
  if (percent < 0) return std::min(count, all);
  if (percent == 0) return 0;
  return std::clamp<int64_t>(std::llround(percent / 100 * static_cast<double>(all)), 1, all);
}

Result<Amount> parse_amount(std::string_view text) {
  Amount amount;
  const auto wrong = [&] {
    return invalid_argument("{} is no amount of photos", text)
        .with_fix("write a count such as 200 or a share such as 5%");
  };
  if (text.ends_with('%')) {
    const std::string_view number = text.substr(0, text.size() - 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), amount.percent);
    if (error != std::errc() || end != number.data() + number.size() || !(amount.percent >= 0 && amount.percent <= 100))
      return wrong();
    return amount;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount.count);
  if (error != std::errc() || end != text.data() + text.size() || amount.count < 0) return wrong();
  return amount;
}

PhotoSplit split_photos(std::vector<Photo> photos, const Amount& sample, const Amount& held_back, uint64_t seed) {
  // Fisher and Yates with numbers of our own making: what std::shuffle draws differs between libraries.
  std::mt19937_64 generator(seed);
  for (size_t i = photos.size(); i > 1; --i) std::swap(photos[i - 1], photos[generator() % i]);
  const auto all = static_cast<int64_t>(photos.size());
  const auto held = static_cast<size_t>(std::min(held_back.of(all), std::max<int64_t>(0, all - 1)));
  const auto drawn = std::min(photos.size() - held, static_cast<size_t>(sample.of(all)));
  PhotoSplit split;
  split.held_back.assign(photos.begin(), photos.begin() + static_cast<std::ptrdiff_t>(held));
  split.calibration.assign(photos.begin() + static_cast<std::ptrdiff_t>(held),
                           photos.begin() + static_cast<std::ptrdiff_t>(held + drawn));
  return split;
}

std::optional<FolderClasses> FolderClasses::find(std::span<const Photo> photos, const tasks::Labels& labels,
                                                 int64_t classes) {
  std::set<std::string> folders;
  for (const Photo& photo : photos) folders.insert(folder_of(photo));
  FolderClasses found;
  for (const std::string& folder : folders)
    if (const auto it = std::ranges::find(labels, folder); it != labels.end())
      found.by_folder_[folder] = it - labels.begin();
  if (found.by_folder_.size() == folders.size() && folders.size() > 1) return found;
  found.by_folder_.clear();
  if (static_cast<int64_t>(folders.size()) != classes || classes < 2) return std::nullopt;
  for (const std::string& folder : folders) {
    const auto place = static_cast<int64_t>(found.by_folder_.size());
    found.by_folder_[folder] = place;
  }
  return found;
}

std::optional<int64_t> FolderClasses::of(const Photo& photo) const {
  const auto it = by_folder_.find(folder_of(photo));
  return it == by_folder_.end() ? std::nullopt : std::optional(it->second);
}

}  // namespace fovea::pipeline
