// fovea inspect MODEL: what it is made of, what it costs, what fovea lacks of it.
#include "pipeline/inspect.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/commands.h"
#include "cli/engine_text.h"
#include "cli/flags.h"
#include "cli/load.h"
#include "cli/output.h"
#include "cli/table_text.h"
#include "graph/text.h"

namespace fovea::cli {
namespace {

using pipeline::Inspection;

struct Options {
  ModelFlags model;
  RecipeFlags recipe;
  bool passes = false, graph = false;
  Format format = Format::text;
};

/// All that is found out; what a model is not fit for is left empty, with the reason in `remarks`.
struct Findings {
  Inspection model;
  std::optional<tasks::Recipe> recipe;
  std::optional<tasks::LabelChoice> labels;
  std::optional<pipeline::Work> work;
  std::optional<pipeline::PassReport> passes;
  std::vector<std::string> remarks;
};

std::string activation_text(tasks::Activation activation) {
  switch (activation) {
    case tasks::Activation::none: return "scores";
    case tasks::Activation::softmax: return "probabilities (Softmax)";
    case tasks::Activation::sigmoid: return "probabilities (Sigmoid)";
  }
  return "?";
}

Result<void> find_recipe(Findings& findings, const tasks::Settings& settings, std::optional<tasks::Settings> config) {
  findings.recipe = FOVEA_TRY(recipe_of({findings.model.path, findings.model.graph}, settings, std::move(config)));
  for (const std::string& note : findings.recipe->notes) findings.remarks.push_back(note);
  if (const auto classes = findings.recipe->facts.output.classes) {
    findings.labels = FOVEA_TRY(tasks::choose_labels(findings.recipe->label_candidates, *classes));
    for (const std::string& note : findings.labels->notes) findings.remarks.push_back(note);
  }
  return {};
}

/// The size of the photo's input, where the recipe says it.
std::pair<std::optional<int64_t>, std::optional<int64_t>> input_size(const std::optional<tasks::Recipe>& recipe) {
  if (!recipe) return {};
  const auto& spec = recipe->transform;
  if (spec.crop_rule != image::CropRule::none) return {spec.crop.height, spec.crop.width};
  if (spec.resize_rule == image::ResizeRule::none) return {};
  return {spec.resize.height, spec.resize.width};  // shortest: a square photo
}

Result<Findings> investigate(const Options& options, const tasks::Settings& settings,
                             std::optional<tasks::Settings> config) {
  const auto shapes = FOVEA_TRY(options.model.input_shapes());
  Findings findings;
  findings.model = FOVEA_TRY(pipeline::inspect(options.model.path, shapes));
  if (const auto found = find_recipe(findings, settings, std::move(config)); !found.ok())
    findings.remarks.push_back("no recipe for photos: " + found.error().to_string());
  if (!findings.model.unsupported.empty()) return findings;
  const auto [height, width] = input_size(findings.recipe);
  auto work = pipeline::estimate_work(*findings.model.graph, height, width);
  if (!work.ok()) {
    findings.remarks.push_back("the work is not known: " + work.error().to_string());
    return findings;
  }
  findings.work = std::move(*work);
  if (!findings.work->complete)
    findings.remarks.push_back("sizes depend on data from some node on: the work behind it is not counted");
  if (options.passes)
    findings.passes = FOVEA_TRY(pipeline::report_passes(*findings.model.graph, findings.work->inputs));
  return findings;
}

std::vector<std::pair<std::string, int>> by_count(const std::map<std::string, int>& counts) {
  std::vector<std::pair<std::string, int>> sorted(counts.begin(), counts.end());
  std::ranges::stable_sort(sorted, [](const auto& a, const auto& b) { return a.second > b.second; });
  return sorted;
}

std::vector<ValueId> fed(const Graph& graph) {
  std::vector<ValueId> ids;
  for (ValueId id : graph.inputs)
    if (!graph.constant(id)) ids.push_back(id);
  return ids;
}

void write_passes(std::ostream& out, const pipeline::PassReport& report) {
  out << fmt::format("passes       {} nodes -> {} nodes\n", report.nodes_before, report.nodes_after);
  for (const auto& record : report.records) {
    out << fmt::format("             {:<26} {:4} applied  {:8.2f} ms", record.name, record.applied, record.ms);
    if (record.refused > 0) out << fmt::format("  {} refused", record.refused);
    for (const auto& [reason, times] : record.reasons) out << fmt::format("; {} x {}", times, reason);
    out << '\n';
  }
}

void write_text(std::ostream& out, const Findings& findings) {
  const Inspection& model = findings.model;
  const Graph& graph = *model.graph;
  const auto line = [&](std::string_view title, const std::string& text) {
    out << fmt::format("{:<13}{}\n", title, printable(text));
  };
  std::vector<std::string> opsets;
  for (const auto& [domain, version] : model.opsets)
    opsets.push_back(domain.empty() ? fmt::format("{}", version) : fmt::format("{} {}", domain, version));
  line("model",
       fmt::format("{}, {}, opset {}", model.path.string(), bytes_text(model.file_bytes), fmt::join(opsets, ", ")));
  for (ValueId id : fed(graph))
    line("input", fmt::format("{}  {}", graph.value(id).name, to_string(graph.value(id).type)));
  for (ValueId id : graph.outputs)
    line("output", fmt::format("{}  {}", graph.value(id).name, to_string(graph.value(id).type)));
  line("parameters", fmt::format("{}, {}", count_text(model.parameters), bytes_text(model.weight_bytes)));
  if (findings.work) {
    std::vector<std::string> inputs;
    for (const TensorType& type : findings.work->inputs) inputs.push_back(to_string(type));
    line("work", fmt::format("{:.4g} GMAC for {}", findings.work->gmac, fmt::join(inputs, ", ")));
  }
  std::vector<std::string> operators;
  for (const auto& [name, count] : by_count(model.operators)) operators.push_back(fmt::format("{} {}", name, count));
  line("operators", fmt::format("{}: {}", model.nodes, fmt::join(operators, ", ")));
  if (findings.recipe) {
    line("recipe", fmt::format("{} ({})", tasks::describe(findings.recipe->transform), findings.recipe->origin));
    line("answer", fmt::format("{} of \"{}\"", activation_text(findings.recipe->facts.output.activation),
                               findings.recipe->facts.output.name));
  }
  if (findings.labels && !findings.labels->labels.empty()) {
    const auto& labels = findings.labels->labels;
    line("labels",
         fmt::format("{} ({}): {}, ... {}", labels.size(), findings.labels->origin, labels.front(), labels.back()));
  }
  for (const auto& [key, value] : graph.metadata) {
    constexpr size_t kLongest = 100;
    line("metadata", fmt::format("{} = {}{}", key, value.substr(0, kLongest), value.size() > kLongest ? "..." : ""));
  }
  if (findings.passes) write_passes(out, *findings.passes);
  for (const Error& error : model.unsupported) line("unsupported", error.to_string());
}

Json ports(const Graph& graph, const std::vector<ValueId>& ids) {
  Json list = Json::array();
  for (ValueId id : ids) {
    const Value& value = graph.value(id);
    Json shape;
    if (value.type.shape) {
      shape = Json::array();
      for (const Dim& dim : *value.type.shape)
        shape.push_back(dim.known() ? Json(dim.value) : Json(dim.symbol.empty() ? "?" : dim.symbol));
    }
    list.push_back({{"name", value.name},
                    {"dtype", value.type.dtype ? Json(name_of(*value.type.dtype)) : Json()},
                    {"shape", std::move(shape)}});
  }
  return list;
}

Json passes_json(const pipeline::PassReport& report) {
  Json records = Json::array();
  for (const auto& record : report.records)
    records.push_back({{"name", record.name},
                       {"applied", record.applied},
                       {"no_effect", record.no_effect},
                       {"refused", record.refused},
                       {"reasons", record.reasons},
                       {"ms", significant(record.ms, 6)}});
  return {{"nodes_before", report.nodes_before}, {"nodes_after", report.nodes_after}, {"passes", std::move(records)}};
}

void write_json(std::ostream& out, const Findings& findings) {
  const Inspection& model = findings.model;
  Json operators = Json::object(), unsupported = Json::array(), work, recipe, labels, passes;
  for (const auto& [name, count] : by_count(model.operators)) operators[name] = count;
  for (const Error& error : model.unsupported)
    unsupported.push_back({{"where", error.where}, {"message", error.message}});
  if (findings.work) {
    Json inputs = Json::array();
    for (const TensorType& type : findings.work->inputs) inputs.push_back(type.shape);
    work = {{"gmac", significant(findings.work->gmac, 6)}, {"inputs", inputs}, {"complete", findings.work->complete}};
  }
  if (findings.recipe)
    recipe = {{"from", findings.recipe->origin}, {"transform", tasks::describe(findings.recipe->transform)}};
  if (findings.labels) labels = {{"from", findings.labels->origin}, {"count", findings.labels->labels.size()}};
  if (findings.passes) passes = passes_json(*findings.passes);
  write_json_line(out, {{"model", model.path.string()},
                        {"file_bytes", model.file_bytes},
                        {"opsets", model.opsets},
                        {"inputs", ports(*model.graph, fed(*model.graph))},
                        {"outputs", ports(*model.graph, model.graph->outputs)},
                        {"nodes", model.nodes},
                        {"operators", std::move(operators)},
                        {"parameters", model.parameters},
                        {"weight_bytes", model.weight_bytes},
                        {"work", std::move(work)},
                        {"recipe", std::move(recipe)},
                        {"labels", std::move(labels)},
                        {"metadata", model.graph->metadata},
                        {"passes", std::move(passes)},
                        {"unsupported", std::move(unsupported)},
                        {"remarks", findings.remarks}});
}

int inspect(const Options& options, Console& console) {
  if (cpu::is_engine_file(options.model.path)) return inspect_engine(options.model.path, options.format, console);
  const auto table = table_of(options.model.path);
  if (!table.ok()) return console.fail(table.error(), kModelUnusable);
  if (*table) {
    for (const std::string& note : (*table)->notes) console.note(note);
    write_table(console.out, options.model.path, **table, options.format);
    return kDone;
  }
  auto settings = options.recipe.settings();
  if (!settings.ok()) return console.fail(settings.error(), kWrongUsage);
  auto config = options.recipe.config_settings();
  if (!config.ok()) return console.fail(config.error(), kWrongUsage);
  const auto findings = investigate(options, *settings, *std::move(config));
  if (!findings.ok()) return console.fail(findings.error());
  for (const std::string& remark : findings->remarks) console.note(remark);
  if (options.graph) {
    console.out << print(*findings->model.graph, {.max_elements = 8});
    return findings->model.unsupported.empty() ? kDone : kModelUnusable;
  }
  if (options.format == Format::json)
    write_json(console.out, *findings);
  else
    write_text(console.out, *findings);
  return findings->model.unsupported.empty() ? kDone : kModelUnusable;
}

}  // namespace

Command add_inspect(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "inspect",
      "inputs, outputs, operators, size and work of a model; what fovea lacks of it; or a calibration table");
  options->model.add_to(*command);
  command->add_flag("--passes", options->passes, "what each pass did to the graph");
  command->add_flag("--graph", options->graph, "the graph itself as text, large constants cut short");
  add_format_flag(*command, options->format, false);
  options->recipe.add_to(*command, true);
  command->footer(
      "Exit code 3 where the model has something that fovea lacks; all of it is listed.\n"
      "Examples:\n  fovea inspect model.onnx\n"
      "  fovea inspect model.onnx --passes --shape input=8x3x224x224 --format json");
  return {command, [options](Console& console) { return inspect(*options, console); }};
}

}  // namespace fovea::cli
