#include "pipeline/quantize/calibration_state.h"

#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/text_file.h"

namespace fovea::pipeline {
namespace {

using nlohmann::json;

constexpr const char* kKind = "fovea calibration 1";

/// FNV-1a.
class Hash {
 public:
  void add(std::string_view text) {
    for (const char c : text) step(static_cast<unsigned char>(c));
    step(0xff);  // ends it: "ab", "c" is not "a", "bc"
  }
  uint64_t value() const { return value_; }

 private:
  void step(unsigned char byte) { value_ = (value_ ^ byte) * 0x100000001b3u; }
  uint64_t value_ = 0xcbf29ce484222325u;
};

}  // namespace

uint64_t fingerprint_of(const Graph& graph, const quantize::Selection& selection, const InputReader& reader,
                        std::span<const Photo> photos) {
  Hash hash;
  for (NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    hash.add(node.op_type);
    for (const ValueId in : node.inputs)
      if (const Tensor* t = graph.constant(in)) {
        // The beginning of each weight tells models of one architecture apart.
        hash.add(to_string(t->type()));
        hash.add({static_cast<const char*>(t->raw()), std::min<size_t>(t->bytes(), 256)});
      }
  }
  for (const auto& [value, stored] : selection.values) hash.add(graph.value(value).name);
  hash.add(tasks::describe(reader.recipe().transform));
  hash.add(reader.recipe().apply_orientation ? "turned" : "as stored");
  for (const Photo& photo : photos) hash.add(photo.name);
  return hash.value();
}

Result<void> write_state(const CalibrationState& state, const std::filesystem::path& path) {
  json observers = json::object();
  for (const auto& [name, observer] : state.observers) observers[name] = quantize::to_json(observer);
  const json whole = {{"kind", kKind},
                      {"fingerprint", state.fingerprint},
                      {"group", state.group},
                      {"photo", state.photo},
                      {"observers", std::move(observers)}};
  const std::vector<uint8_t> bytes = json::to_cbor(whole);
  const std::span<const std::byte> parts[] = {std::as_bytes(std::span(bytes))};
  return write_file_atomically(path, parts);
}

Result<CalibrationState> read_state(const std::filesystem::path& path, uint64_t fingerprint) {
  const std::string bytes = FOVEA_TRY(read_text_file(path));
  const json whole = json::from_cbor(bytes, true, false);
  const auto number = [&](const char* key) {
    const auto it = whole.find(key);
    return it != whole.end() && it->is_number_unsigned() ? std::optional(it->get<uint64_t>()) : std::nullopt;
  };
  constexpr const char* kAnew = "calibrate anew, without --resume";
  const bool good = whole.is_object() && whole.contains("kind") && whole["kind"] == kKind && number("fingerprint") &&
                    number("group") && number("photo") && whole.contains("observers") && whole["observers"].is_object();
  if (!good) return invalid_argument("this is no state of a calibration").at(path.string()).with_fix(kAnew);
  if (*number("fingerprint") != fingerprint)
    return invalid_argument("it belongs to another calibration: model, recipe, photos or nodes differ")
        .at(path.string())
        .with_fix(kAnew);
  CalibrationState state{fingerprint, *number("group"), *number("photo"), {}};
  for (const auto& [name, observer] : whole["observers"].items())
    state.observers[name] = FOVEA_TRY_AT(path.string(), quantize::observer_of_json(observer));
  return state;
}

}  // namespace fovea::pipeline
