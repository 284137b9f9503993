#include "pipeline/quantize/calibration_state.h"

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/content_hash.h"
#include "base/error.h"
#include "base/text_file.h"
#include "graph/text.h"

namespace fovea::pipeline {
namespace {

using nlohmann::json;

constexpr std::string_view kAnyKind = "fovea calibration ";
constexpr const char* kKind = "fovea calibration 2";

std::optional<uint64_t> number_at(const json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_number_unsigned() ? std::optional(it->get<uint64_t>()) : std::nullopt;
}

/// [place, where, message, fix], as write_state writes it.
bool take_unreadable(const json& list, std::map<size_t, Error>& unreadable) {
  for (const json& one : list) {
    if (!one.is_array() || one.size() != 4 || !one[0].is_number_unsigned() || !one[1].is_string() ||
        !one[2].is_string() || !one[3].is_string())
      return false;
    unreadable[one[0].get<size_t>()] = invalid_image("{}", one[2].get<std::string>())
                                           .at(one[1].get<std::string>())
                                           .with_fix(one[3].get<std::string>());
  }
  return true;
}

}  // namespace

uint64_t fingerprint_of(const Graph& graph, const quantize::Selection& selection, const InputReader& reader,
                        std::span<const Photo> photos, const CalibrationOptions& options) {
  std::string text;
  const auto add = [&](std::string_view part) {
    text += part;
    text += '\0';  // ends it: "ab", "c" is not "a", "bc"
  };
  add(print(graph, {.max_elements = 16}));
  for (NodeId id : graph.order())
    for (const ValueId in : graph.node(id).inputs)
      if (const Tensor* t = graph.constant(in))
        add(to_hex(content_hash(std::string_view(static_cast<const char*>(t->raw()), t->bytes()))));
  for (const auto& [value, stored] : selection.values) add(graph.value(value).name);
  const image::TransformSpec& transform = reader.recipe().transform;
  add(tasks::describe(transform));
  // What that line rounds or leaves out.
  add(fmt::format("{} {} {} {} {}", static_cast<int>(transform.crop_rule), fmt::join(transform.fill, " "),
                  transform.rescale.value_or(0), fmt::join(transform.mean, " "), fmt::join(transform.std, " ")));
  add(reader.recipe().apply_orientation ? "turned" : "as stored");
  for (const Photo& photo : photos) {
    std::error_code failed;
    const uint64_t bytes = photo.bytes ? photo.bytes->size() : std::filesystem::file_size(photo.name, failed);
    add(photo.name);
    add(failed ? "?" : std::to_string(bytes));
  }
  add(std::to_string(options.most_tap_bytes));  // the groups of values follow from it
  add(options.channel_means ? "means" : "no means");
  return content_hash(text);
}

// As JSON text and not in one of its binary forms: their reader trusts lengths in the file, and recurses.
Result<void> write_state(const CalibrationState& state, const std::filesystem::path& path) {
  json observers = json::array(), unreadable = json::array();
  for (const quantize::Observer& observer : state.observers) observers.push_back(quantize::to_json(observer));
  for (const auto& [place, error] : state.unreadable)
    unreadable.push_back({place, error.where, error.message, error.fix});
  const json whole = {
      {"kind", kKind},        {"fingerprint", state.fingerprint},    {"group", state.group},
      {"photo", state.photo}, {"unreadable", std::move(unreadable)}, {"observers", std::move(observers)}};
  // Names of files may be anything; what is no UTF-8 gets replacement characters.
  const std::string text = whole.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  const std::span<const std::byte> parts[] = {std::as_bytes(std::span(text))};
  return write_file_atomically(path, parts);
}

bool holds_state(const std::filesystem::path& path) {
  const auto text = read_text_file(path);
  if (!text.ok()) return false;
  const json whole = json::parse(*text, nullptr, false);
  if (!whole.is_object()) return false;
  const auto kind = whole.find("kind");
  return kind != whole.end() && kind->is_string() && kind->get_ref<const std::string&>().starts_with(kAnyKind);
}

Result<CalibrationState> read_state(const std::filesystem::path& path, uint64_t fingerprint) {
  const std::string text = FOVEA_TRY(read_text_file(path));
  constexpr const char* kAnew = "calibrate anew, without --resume";
  const auto damaged = [&] {
    return invalid_argument("this is no state of a calibration").at(path.string()).with_fix(kAnew);
  };
  const json whole = json::parse(text, nullptr, false);
  if (!whole.is_object()) return damaged();
  const auto kind = whole.find("kind"), unreadable = whole.find("unreadable"), observers = whole.find("observers");
  const auto belongs = number_at(whole, "fingerprint"), group = number_at(whole, "group"),
             photo = number_at(whole, "photo");
  if (kind == whole.end() || *kind != kKind || !belongs || !group || !photo || unreadable == whole.end() ||
      !unreadable->is_array() || observers == whole.end() || !observers->is_array())
    return damaged();
  if (*belongs != fingerprint)
    return invalid_argument("it belongs to another calibration: model, recipe, photos, nodes or options differ")
        .at(path.string())
        .with_fix(kAnew);
  CalibrationState state{fingerprint, *group, *photo, {}, {}};
  if (!take_unreadable(*unreadable, state.unreadable)) return damaged();
  for (const json& observer : *observers) {
    auto taken = quantize::observer_of_json(observer);
    if (!taken.ok()) return damaged();
    state.observers.push_back(std::move(taken).value());
  }
  return state;
}

}  // namespace fovea::pipeline
