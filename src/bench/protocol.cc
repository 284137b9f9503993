#include "bench/protocol.h"

#include <cmath>
#include <limits>

#include "base/error.h"
#include "tasks/json_fields.h"

namespace fovea::bench {
namespace {

using nlohmann::json;
using tasks::JsonFields;

std::string dump(const json& object) { return object.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string excerpt(std::string_view line) {
  constexpr size_t kLongest = 120;
  std::string text(line.substr(0, kLongest));
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return line.size() > kLongest ? text + "..." : text;
}

/// Too deep a nesting would be walked recursively later on.
bool too_deep(std::string_view line) {
  constexpr int kDeepest = 16;
  int depth = 0;
  bool in_text = false, escaped = false;
  for (char c : line) {
    if (in_text) {
      in_text = escaped || c != '"';
      escaped = !escaped && c == '\\';
    } else if (c == '"') {
      in_text = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDeepest) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

Result<json> parse_object(std::string_view line) {
  json value = too_deep(line) ? json() : json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (value.is_object()) return value;
  return invalid_argument("it said something that is no JSON object: {}", excerpt(line))
      .with_fix("a worker writes nothing but its answers to stdout; messages belong on stderr");
}

/// The member `key` of an answer, which `holds` the right kind. Error: the worker's own, or that there is no such
/// member.
Result<json> answer(std::string_view line, const char* key, json::value_t kind) {
  json object = FOVEA_TRY(parse_object(line));
  if (const auto failed = object.find("failed"); failed != object.end()) {
    const auto fix = object.find("fix"), missing = object.find("unavailable");
    const bool unavailable_here = missing != object.end() && *missing == true;
    return Error{unavailable_here ? ErrorCode::unavailable : ErrorCode::unsupported,
                 failed->is_string() ? failed->get<std::string>() : dump(*failed),
                 {},
                 fix != object.end() && fix->is_string() ? fix->get<std::string>() : std::string()};
  }
  const auto found = object.find(key);
  if (found == object.end() || found->type() != kind)
    return invalid_argument("its answer has no \"{}\": {}", key, excerpt(line))
        .with_fix("docs/bench-workers.md describes the answers");
  return std::move(*found);
}

template <class T>
Result<T> need(std::optional<T> value, const char* key) {
  if (!value) return invalid_argument("\"{}\" is missing", key);
  return *std::move(value);
}

/// A duration: finite and not negative.
Result<double> duration(const JsonFields& fields, const char* key) {
  const auto value = FOVEA_TRY(fields.number(key));
  const double number = FOVEA_TRY(need(value, key));
  if (!std::isfinite(number) || number < 0) return invalid_argument("\"{}\" is {}", key, number);
  return number;
}

Result<std::string> text(const JsonFields& fields, const char* key) {
  auto value = FOVEA_TRY(fields.text(key));
  return need(std::move(value), key);
}

Result<int> count(const JsonFields& fields, const char* key, int64_t most = std::numeric_limits<int>::max()) {
  const auto value = FOVEA_TRY(fields.integer(key));
  const int64_t number = FOVEA_TRY(need(value, key));
  if (number < 1 || number > most) return invalid_argument("\"{}\" is {}", key, number);
  return static_cast<int>(number);
}

/// The list `key`; an empty one where it is absent.
Result<json> list_of(const JsonFields& fields, const char* key) {
  const json* found = fields.find(key);
  if (!found) return json::array();
  if (!found->is_array()) return invalid_argument("\"{}\" is no list", key);
  return *found;
}

Result<void> need_object(const json& element, const char* key) {
  if (!element.is_object()) return invalid_argument("\"{}\" holds something that is no object", key);
  return {};
}

Result<std::vector<NamedFile>> named_files(const JsonFields& fields, const char* key) {
  std::vector<NamedFile> files;
  const json list = FOVEA_TRY(list_of(fields, key));
  for (const json& object : list) {
    FOVEA_TRY(need_object(object, key));
    const JsonFields entry(object);
    NamedFile file;
    file.name = FOVEA_TRY(text(entry, "name"));
    file.file = FOVEA_TRY(text(entry, "file"));
    files.push_back(std::move(file));
  }
  return files;
}

Result<std::vector<std::string>> texts(const JsonFields& fields, const char* key) {
  std::vector<std::string> result;
  const json list = FOVEA_TRY(list_of(fields, key));
  for (const json& element : list) {
    if (!element.is_string()) return invalid_argument("\"{}\" holds something that is no text", key);
    result.push_back(element.get<std::string>());
  }
  return result;
}

json to_json(const std::vector<NamedFile>& files) {
  json list = json::array();
  for (const NamedFile& file : files) list.push_back({{"name", file.name}, {"file", file.file}});
  return list;
}

json to_json(const LoadRequest& load) {
  json fields = {{"model", load.model},     {"precision", load.precision},    {"batch", load.batch},
                 {"threads", load.threads}, {"inputs", to_json(load.inputs)}, {"outputs", load.outputs}};
  if (!load.photo.empty()) fields["photo"] = load.photo;
  return {{"load", std::move(fields)}};
}
json to_json(const RunRequest& run) { return {{"run", {{"runs", run.runs}, {"seconds", run.seconds}}}}; }
json to_json(const StepsRequest& steps) { return {{"steps", {{"runs", steps.runs}}}}; }
json to_json(const StagesRequest& stages) {
  return {{"stages", {{"photos", stages.photos}, {"runs", stages.runs}, {"resize", stages.resize}}}};
}
json to_json(const StopRequest&) { return {{"stop", json::object()}}; }

Result<Request> load_request(const JsonFields& fields) {
  LoadRequest load;
  load.model = FOVEA_TRY(text(fields, "model"));
  load.precision = FOVEA_TRY(text(fields, "precision"));
  load.batch = FOVEA_TRY(count(fields, "batch"));
  load.threads = FOVEA_TRY(count(fields, "threads", 4096));
  load.inputs = FOVEA_TRY(named_files(fields, "inputs"));
  load.outputs = FOVEA_TRY(text(fields, "outputs"));
  if (fields.has("photo")) load.photo = FOVEA_TRY(text(fields, "photo"));
  return Request(std::move(load));
}

Result<Request> stages_request(const JsonFields& fields) {
  StagesRequest stages;
  stages.photos = FOVEA_TRY(texts(fields, "photos"));
  stages.runs = FOVEA_TRY(count(fields, "runs"));
  stages.resize = FOVEA_TRY(fields.text("resize")).value_or(stages.resize);
  return Request(std::move(stages));
}

}  // namespace

std::string to_line(const Request& request) {
  return dump(std::visit([](const auto& one) { return to_json(one); }, request));
}

Result<Loaded> parse_loaded(std::string_view line) {
  const json object = FOVEA_TRY(answer(line, "loaded", json::value_t::object));
  const JsonFields fields(object);
  Loaded loaded;
  loaded.library = FOVEA_TRY_AT("loaded", text(fields, "library"));
  loaded.load_s = FOVEA_TRY_AT("loaded", duration(fields, "load_s"));
  loaded.first_s = FOVEA_TRY_AT("loaded", duration(fields, "first_s"));
  loaded.outputs = FOVEA_TRY_AT("loaded", named_files(fields, "outputs"));
  loaded.facts = FOVEA_TRY_AT("loaded", texts(fields, "facts"));
  if (fields.has("disk_mb")) loaded.disk_mb = FOVEA_TRY_AT("loaded", duration(fields, "disk_mb"));
  return loaded;
}

Result<std::vector<double>> parse_times(std::string_view line, int runs) {
  const json list = FOVEA_TRY(answer(line, "ms", json::value_t::array));
  std::vector<double> times;
  for (const json& time : list) {
    if (!time.is_number() || !std::isfinite(time.get<double>()) || time.get<double>() <= 0)
      return invalid_argument("\"ms\" holds {}, which is no time", excerpt(dump(time)));
    times.push_back(time.get<double>());
  }
  if (times.empty() || times.size() > static_cast<size_t>(runs))
    return invalid_argument("it was asked for {} runs and gave {} times", runs, times.size());
  return times;
}

Result<std::vector<StepRow>> parse_steps(std::string_view line) {
  const json list = FOVEA_TRY(answer(line, "steps", json::value_t::array));
  std::vector<StepRow> steps;
  for (const json& one : list) {
    FOVEA_TRY(need_object(one, "steps"));
    const JsonFields fields(one);
    StepRow step;
    step.node = FOVEA_TRY_AT("steps", text(fields, "node"));
    step.kernel = FOVEA_TRY_AT("steps", text(fields, "kernel"));
    step.ms = FOVEA_TRY_AT("steps", duration(fields, "ms"));
    step.gmac = fields.has("gmac") ? FOVEA_TRY_AT("steps", duration(fields, "gmac")) : 0;
    steps.push_back(std::move(step));
  }
  return steps;
}

Result<std::vector<Stages>> parse_stages(std::string_view line) {
  const json list = FOVEA_TRY(answer(line, "stages", json::value_t::array));
  std::vector<Stages> result;
  for (const json& one : list) {
    FOVEA_TRY(need_object(one, "stages"));
    const JsonFields fields(one);
    Stages stages;
    stages.photo = FOVEA_TRY_AT("stages", text(fields, "photo"));
    stages.decode = FOVEA_TRY_AT("stages", duration(fields, "decode"));
    stages.preprocess = FOVEA_TRY_AT("stages", duration(fields, "preprocess"));
    stages.infer = FOVEA_TRY_AT("stages", duration(fields, "infer"));
    stages.postprocess = FOVEA_TRY_AT("stages", duration(fields, "postprocess"));
    result.push_back(std::move(stages));
  }
  return result;
}

Result<Request> parse_request(std::string_view line) {
  json object = too_deep(line) ? json() : json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object() || object.size() != 1 || !object.begin()->is_object())
    return invalid_argument("a request is an object with one member: {}", excerpt(line));
  const std::string& kind = object.begin().key();
  const JsonFields fields(*object.begin());
  if (kind == "load") return load_request(fields);
  if (kind == "stages") return stages_request(fields);
  if (kind == "stop") return Request(StopRequest{});
  if (kind == "steps") return Request(StepsRequest{FOVEA_TRY(count(fields, "runs"))});
  if (kind == "run") {
    RunRequest run;
    run.runs = FOVEA_TRY(count(fields, "runs"));
    run.seconds = FOVEA_TRY(duration(fields, "seconds"));
    return Request(run);
  }
  return invalid_argument("there is no request \"{}\"", excerpt(kind));
}

std::string to_line(const Loaded& loaded) {
  json fields = {{"library", loaded.library},
                 {"load_s", loaded.load_s},
                 {"first_s", loaded.first_s},
                 {"outputs", to_json(loaded.outputs)},
                 {"facts", loaded.facts}};
  if (loaded.disk_mb) fields["disk_mb"] = *loaded.disk_mb;
  return dump({{"loaded", std::move(fields)}});
}

std::string to_line(const std::vector<double>& ms) { return dump({{"ms", ms}}); }

std::string to_line(const std::vector<StepRow>& steps) {
  json list = json::array();
  for (const StepRow& step : steps)
    list.push_back({{"node", step.node}, {"kernel", step.kernel}, {"ms", step.ms}, {"gmac", step.gmac}});
  return dump({{"steps", std::move(list)}});
}

std::string to_line(const std::vector<Stages>& stages) {
  json list = json::array();
  for (const Stages& one : stages)
    list.push_back({{"photo", one.photo},
                    {"decode", one.decode},
                    {"preprocess", one.preprocess},
                    {"infer", one.infer},
                    {"postprocess", one.postprocess}});
  return dump({{"stages", std::move(list)}});
}

std::string to_line(const Error& failure) {
  const std::string reason = failure.where.empty() ? failure.message : failure.where + ": " + failure.message;
  json answer = {{"failed", reason}, {"fix", failure.fix}};
  if (failure.code == ErrorCode::unavailable) answer["unavailable"] = true;
  return dump(answer);
}

}  // namespace fovea::bench
