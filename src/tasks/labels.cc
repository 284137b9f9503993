#include "tasks/labels.h"

#include <charconv>

#include "base/error.h"
#include "base/text_file.h"
#include "tasks/json_fields.h"

namespace fovea::tasks {
namespace {

using nlohmann::json;

constexpr std::string_view kImagenet[] = {
#include "tasks/imagenet_labels.inc"
};
static_assert(std::size(kImagenet) == 1000);

Error too_many(size_t count) { return invalid_argument("{} labels, at most {} are read", count, kMaxLabels); }

/// "cat", or the last of ["n02123045", "tabby"].
Result<std::string> name_in(const json& value, const std::string& index) {
  const json* item = &value;
  if (item->is_array() && !item->empty()) item = &item->back();
  if (!item->is_string()) return invalid_argument("the label of class {} is no text", index);
  return item->get<std::string>();
}

Result<Labels> labels_of_list(const json& list) {
  if (list.size() > kMaxLabels) return too_many(list.size());
  Labels labels;
  for (const json& item : list) labels.push_back(FOVEA_TRY(name_in(item, std::to_string(labels.size()))));
  return labels;
}

Result<Labels> labels_of_object(const json& object) {
  if (object.size() > kMaxLabels) return too_many(object.size());
  Labels labels;
  for (const auto& [key, value] : object.items()) {
    size_t index = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
    if (error != std::errc() || end != key.data() + key.size())
      return invalid_argument("\"{}\" is no class index", key).with_fix("write {\"0\": \"name\", \"1\": ...}");
    if (index >= kMaxLabels) return invalid_argument("class index {} is beyond {}", index, kMaxLabels - 1);
    if (index >= labels.size()) labels.resize(index + 1);
    labels[index] = FOVEA_TRY(name_in(value, key));
  }
  return labels;
}

Labels labels_of_lines(std::string_view text) {
  Labels labels;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    labels.emplace_back(line);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  while (!labels.empty() && labels.back().empty()) labels.pop_back();
  return labels;
}

}  // namespace

Result<Labels> labels_of_json(const json& value) {
  if (value.is_array()) return labels_of_list(value);
  if (value.is_object()) return labels_of_object(value);
  return invalid_argument("labels are neither a JSON list nor an object").with_fix("write [\"cat\", \"dog\"]");
}

Result<Labels> parse_labels(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const size_t first = text.find_first_not_of(" \t\r\n");
  Labels labels;
  if (first != std::string_view::npos && (text[first] == '[' || text[first] == '{'))
    labels = FOVEA_TRY(labels_of_json(FOVEA_TRY(parse_json(text))));
  else
    labels = labels_of_lines(text);
  if (labels.empty()) return invalid_argument("there are no labels in it").with_fix("write one name a line");
  if (labels.size() > kMaxLabels) return too_many(labels.size());
  return labels;
}

Result<Labels> read_labels(const std::filesystem::path& path) {
  const std::string text = FOVEA_TRY(read_text_file(path));
  return FOVEA_TRY_AT(path.string(), parse_labels(text));
}

std::span<const std::string_view> imagenet_labels() { return kImagenet; }

}  // namespace fovea::tasks
