// Names of classes: label files, the forms in which JSON carries them, and ImageNet's own.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "fovea/result.h"

namespace fovea::tasks {

/// By class index. A class without a name has an empty one.
using Labels = std::vector<std::string>;

/// A label file's text: one name a line, or JSON: ["cat", "dog"], {"0": "cat", "1": "dog"}, or as Keras writes it
/// {"0": ["n02123045", "tabby"]}. Error: invalid_argument, saying what is wrong with it.
Result<Labels> parse_labels(std::string_view text);
/// parse_labels of a file, its name in the error.
Result<Labels> read_labels(const std::filesystem::path& path);
/// The JSON forms alone.
Result<Labels> labels_of_json(const nlohmann::json& value);

/// The 1000 classes of ImageNet-1k, in the order that all its models share.
std::span<const std::string_view> imagenet_labels();

inline constexpr size_t kMaxLabels = 1'000'000;

}  // namespace fovea::tasks
