#include "cli/engine_text.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace fovea::cli {
namespace {

std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return printable(text);
}

std::vector<std::pair<std::string, int>> counted(const std::vector<std::string>& kernels) {
  std::map<std::string, int> counts;
  for (const std::string& kernel : kernels) ++counts[kernel];
  std::vector<std::pair<std::string, int>> sorted(counts.begin(), counts.end());
  std::ranges::stable_sort(sorted, [](const auto& a, const auto& b) { return a.second > b.second; });
  return sorted;
}

std::string inputs_text(const std::vector<TensorType>& inputs) {
  std::vector<std::string> texts;
  for (const TensorType& type : inputs) texts.push_back(to_string(type));
  return fmt::format("{}", fmt::join(texts, ", "));
}

}  // namespace

void write_engine_text(std::ostream& out, const std::string& path, const backends::CompiledFile& file) {
  const auto line = [&](std::string_view name, const std::string& text) {
    out << fmt::format("{:<12} {}\n", name, text);
  };
  line("engine file", fmt::format("{}, {}", printable(path), bytes_text(file.bytes)));
  for (const cpu::KeyField& f : file.key)
    if (!f.value.empty()) line(f.name, one_line(f.value));
  for (const auto& plan : file.plans) {
    line("plan", fmt::format("{}: {} steps, weights {}, arena {}", inputs_text(plan.inputs), plan.kernels.size(),
                             bytes_text(plan.packed_bytes), bytes_text(plan.arena_bytes)));
    std::vector<std::string> kernels;
    for (const auto& [name, count] : counted(plan.kernels)) kernels.push_back(fmt::format("{} {}", name, count));
    line("kernels", fmt::format("{}", fmt::join(kernels, ", ")));
  }
}

Json engine_json(const std::string& path, const backends::CompiledFile& file, std::optional<double> ms) {
  Json key = Json::object(), plans = Json::array();
  for (const cpu::KeyField& f : file.key) key[f.name] = f.value;
  for (const auto& plan : file.plans) {
    Json shapes = Json::array();
    for (const TensorType& type : plan.inputs) shapes.push_back(type.shape);
    plans.push_back({{"inputs", std::move(shapes)},
                     {"kernels", plan.kernels},
                     {"weight_bytes", plan.packed_bytes},
                     {"arena_bytes", plan.arena_bytes}});
  }
  Json result = {
      {"engine_file", path}, {"file_bytes", file.bytes}, {"key", std::move(key)}, {"plans", std::move(plans)}};
  if (ms) result["ms"] = significant(*ms, 6);
  return result;
}

int inspect_engine(const std::string& path, Format format, Console& console) {
  const auto facts = backends::read_engine_file(path);
  if (!facts.ok()) return console.fail(facts.error(), kModelUnusable);
  if (format == Format::json) {
    Json result = engine_json(path, facts->file, std::nullopt);
    result["unfit"] = facts->unfit.empty() ? Json() : Json(facts->unfit);
    write_json_line(console.out, result);
  } else {
    write_engine_text(console.out, path, facts->file);
    if (facts->model) {
      const Graph& model = *facts->model;
      for (ValueId v : model.inputs)
        if (!model.constant(v))
          console.out << fmt::format("{:<12} {}  {}\n", "input", printable(model.value(v).name),
                                     to_string(model.value(v).type));
      for (ValueId v : model.outputs)
        console.out << fmt::format("{:<12} {}  {}\n", "output", printable(model.value(v).name),
                                   to_string(model.value(v).type));
    } else {
      console.out << fmt::format("{:<12} {}\n", "unfit", printable(facts->unfit));
    }
  }
  return facts->unfit.empty() ? kDone : kModelUnusable;
}

}  // namespace fovea::cli
