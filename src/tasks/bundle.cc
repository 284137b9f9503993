#include "tasks/bundle.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/text_file.h"
#include "tasks/json_fields.h"
#include "tasks/npy.h"

namespace fovea::tasks {
namespace {

/// A regular file of the folder, with links followed: what it names does not change any more.
Result<std::filesystem::path> own_file(const std::filesystem::path& folder, const std::filesystem::path& file,
                                       const std::string& said) {
  // A name of this folder may still be a link to any file of the machine.
  std::error_code failed;
  const std::filesystem::path home = std::filesystem::canonical(folder, failed);
  const std::filesystem::path real = failed ? home : std::filesystem::canonical(folder / file, failed);
  if (failed) return not_found("{}: {}", said, failed.message());
  if (real.parent_path() != home)
    return invalid_argument("{}, a link to {}, which is not in the bundle's folder", said, real.string())
        .with_fix("copy the file into the bundle");
  if (!std::filesystem::is_regular_file(real, failed)) return invalid_argument("{}, which is no regular file", said);
  return real;
}

/// A file of the bundle's own folder; nothing where the bundle does not name it.
Result<std::optional<std::filesystem::path>> named_file(const JsonFields& fields, std::string_view key,
                                                        const std::filesystem::path& folder) {
  const auto name = FOVEA_TRY(fields.text(key));
  if (!name) return std::optional<std::filesystem::path>();
  const std::filesystem::path file(*name);
  if (file.empty() || file != file.filename() || *name == "." || *name == "..")
    return invalid_argument("\"{}\" names {}, which is no file of the bundle's folder", key, *name);
  return std::optional(FOVEA_TRY(own_file(folder, file, fmt::format("\"{}\" names {}", key, *name))));
}

Result<std::optional<Tensor>> named_tensor(const JsonFields& fields, std::string_view key,
                                           const std::filesystem::path& folder) {
  const auto file = FOVEA_TRY(named_file(fields, key, folder));
  if (!file) return std::optional<Tensor>();
  return std::optional(FOVEA_TRY(read_npy(*file)));
}

Result<void> check_pixels(const std::optional<Tensor>& tensor, std::string_view key) {
  if (!tensor) return {};
  const Shape& shape = tensor->shape();
  if (tensor->dtype() != DType::u8 || shape.size() != 3 || shape[2] != 3 || tensor->size() == 0)
    return invalid_argument("\"{}\" holds {}, not u8[height,width,3]", key, to_string(tensor->type()));
  return {};
}

}  // namespace

Result<Bundle> read_bundle(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "bundle.json";
  const std::string text = FOVEA_TRY(read_text_file(
      FOVEA_TRY_AT(path.string(), own_file(folder, "bundle.json", "a bundle is described by bundle.json"))));
  const auto read = [&]() -> Result<Bundle> {
    const nlohmann::json object = FOVEA_TRY(parse_json(text));
    if (!object.is_object()) return invalid_argument("it holds no JSON object");
    const JsonFields fields(object);
    Bundle bundle;
    const auto photo = FOVEA_TRY(named_file(fields, "photo", folder));
    if (!photo) return invalid_argument("it names no \"photo\"").with_fix("write it with tools/make_bundle.py");
    bundle.photo = *photo;
    bundle.decoded = FOVEA_TRY(named_tensor(fields, "decoded", folder));
    bundle.resized = FOVEA_TRY(named_tensor(fields, "resized", folder));
    bundle.input = FOVEA_TRY(named_tensor(fields, "input", folder));
    bundle.output = FOVEA_TRY(named_tensor(fields, "output", folder));
    bundle.made_by = FOVEA_TRY(fields.text("made_by")).value_or("");
    FOVEA_TRY(check_pixels(bundle.decoded, "decoded"));
    FOVEA_TRY(check_pixels(bundle.resized, "resized"));
    if (!bundle.decoded && !bundle.resized && !bundle.input && !bundle.output)
      return invalid_argument("it names no tensor to compare with").with_fix("write it with tools/make_bundle.py");
    return bundle;
  };
  return FOVEA_TRY_AT(path.string(), read());
}

}  // namespace fovea::tasks
