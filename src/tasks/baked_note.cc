#include "tasks/baked_note.h"

#include "base/error.h"
#include "tasks/json_fields.h"
#include "tasks/labels.h"

namespace fovea::tasks {

std::string to_json(const BakedNote& note) {
  nlohmann::ordered_json object = {{"recipe", note.recipe},
                                   {"resize", note.resize},
                                   {"channel_order", note.order == image::ChannelOrder::rgb ? "rgb" : "bgr"}};
  if (note.top_k) object["top_k"] = *note.top_k;
  if (note.classes) object["classes"] = *note.classes;
  return object.dump();
}

namespace {

Result<BakedNote> read(const std::string& text) {
  const nlohmann::json object = FOVEA_TRY(parse_json(text));
  if (!object.is_object()) return invalid_model("it is no JSON object");
  const JsonFields fields(object);
  BakedNote note;
  note.recipe = FOVEA_TRY(fields.text("recipe")).value_or("");
  note.resize = FOVEA_TRY(fields.text("resize")).value_or("");
  if (FOVEA_TRY(fields.text("channel_order")).value_or("rgb") == "bgr") note.order = image::ChannelOrder::bgr;
  note.top_k = FOVEA_TRY(fields.integer("top_k"));
  note.classes = FOVEA_TRY(fields.integer("classes"));
  for (const auto& count : {note.top_k, note.classes})
    if (count && (*count < 1 || *count > static_cast<int64_t>(kMaxLabels)))
      return invalid_model("{} classes cannot be", *count);
  return note;
}

}  // namespace

Result<std::optional<BakedNote>> read_baked_note(const std::map<std::string, std::string>& metadata) {
  const auto found = metadata.find(kBakedKey);
  if (found == metadata.end()) return std::optional<BakedNote>();
  auto note = read(found->second);
  if (note.ok()) return std::optional(*std::move(note));
  Error error = std::move(note).error();
  error.code = ErrorCode::invalid_model;
  return std::move(error).at(std::string("metadata ") + kBakedKey);
}

}  // namespace fovea::tasks
