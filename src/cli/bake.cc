// fovea bake MODEL -o OUT.onnx: the model with its preprocessing inside, for any runtime that reads ONNX.
#include "pipeline/bake/bake.h"

#include <fmt/format.h>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/load.h"
#include "cli/output.h"
#include "onnx/write.h"
#include "pipeline/bake/explain.h"

namespace fovea::cli {
namespace {

using pipeline::BakeResize;

// One ONNX file holds 2 GB; weights of this size and more go beside it.
constexpr int64_t kMostInside = int64_t{3} << 29;
constexpr int64_t kExternalFrom = 1024;

struct Options {
  ModelFlags model;
  RecipeFlags recipe;
  std::string output, resize, photo_size, layout = "nhwc";
  std::optional<int64_t> top_k;
  bool bgr = false, explain = false;
  Format format = Format::text;
};

/// --resize says two things, alone or with a comma between: the recipe's rule, and with which operators.
Result<BakeResize> take_resize(const Options& options, RecipeFlags& recipe) {
  BakeResize how = BakeResize::operation;
  recipe.resize.clear();
  std::string_view rest = options.resize;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    const std::string_view word = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    bool found = false;
    for (const BakeResize one : {BakeResize::operation, BakeResize::bytes, BakeResize::matmul})
      if (word == name_of(one)) {
        how = one;
        found = true;
      }
    if (found) continue;
    if (!word.starts_with("shortest=") || !recipe.resize.empty())
      return invalid_argument("--resize {}", options.resize)
          .with_fix("give operator, bytes or matmul, or shortest=N as for classify");
    recipe.resize = word;
  }
  return how;
}

Result<pipeline::BakeOptions> bake_options(const Options& options, BakeResize resize) {
  pipeline::BakeOptions result;
  result.resize = resize;
  if (!options.photo_size.empty()) {
    RecipeFlags size;
    size.size = options.photo_size;
    auto settings = size.settings();
    if (!settings.ok())
      return invalid_argument("--photo-size {} is no size", options.photo_size)
          .with_fix("write HEIGHTxWIDTH such as 1080x1920");
    result.photo = settings->input_size;
  }
  result.layout = options.layout == "nchw" ? image::Layout::nchw : image::Layout::nhwc;
  result.order = options.bgr ? image::ChannelOrder::bgr : image::ChannelOrder::rgb;
  result.top_k = options.top_k;
  return result;
}

/// What is found out of the model before anything is made.
struct Found {
  backends::Source source;
  tasks::Recipe recipe;
  pipeline::BakeOptions options;
};

Result<Found> find(const Options& options, const Console& console) {
  RecipeFlags flags = options.recipe;
  const BakeResize resize = FOVEA_TRY(take_resize(options, flags));
  Found found;
  found.options = FOVEA_TRY(bake_options(options, resize));
  const tasks::Settings settings = FOVEA_TRY(flags.settings());
  auto config = FOVEA_TRY(flags.config_settings());
  const auto shapes = FOVEA_TRY(options.model.input_shapes());
  found.source = FOVEA_TRY(load_model(options.model, shapes));
  if (!found.source.graph)
    return unsupported("only ONNX models can be baked")
        .at(options.model.path)
        .with_fix("export the model to ONNX first (tools/export_timm.py)");
  found.recipe = FOVEA_TRY(recipe_of(found.source, settings, std::move(config)));
  for (const std::string& note : found.recipe.notes) console.note(note);
  return found;
}

/// Names of classes go into the file, so that it needs none beside it.
Result<void> add_labels(const tasks::Recipe& recipe, Graph& graph) {
  const auto classes = recipe.facts.output.classes;
  if (!classes || recipe.label_candidates.empty()) return {};
  const auto choice = FOVEA_TRY(tasks::choose_labels(recipe.label_candidates, *classes));
  if (choice.labels.empty() || choice.origin == "ImageNet") return {};
  graph.metadata["fovea.labels"] = Json(choice.labels).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return {};
}

int64_t weight_bytes(const Graph& graph) {
  int64_t bytes = 0;
  for (size_t id = 0; id < graph.value_slots(); ++id)
    if (const Tensor* constant = graph.constant(static_cast<ValueId>(id)))
      bytes += static_cast<int64_t>(constant->bytes());
  return bytes;
}

Result<pipeline::Baked> write_baked(const Found& found, const std::string& path) {
  auto baked = FOVEA_TRY(pipeline::bake(*found.source.graph, found.recipe, found.options));
  FOVEA_TRY(add_labels(found.recipe, baked.graph));
  // Weights that lay beside the model do so again: more of them than the file has bytes.
  std::error_code ignored;
  const auto file_bytes = static_cast<int64_t>(std::filesystem::file_size(found.source.path, ignored));
  const bool was_external = weight_bytes(*found.source.graph) > file_bytes;
  const bool external = was_external || weight_bytes(baked.graph) > kMostInside;
  FOVEA_TRY(onnx::write_model(baked.graph, path, {.external_from = external ? kExternalFrom : -1}));
  return baked;
}

void write_explanation(std::ostream& out, const Found& found, Format format) {
  const auto lines = pipeline::explain(found.recipe.transform, found.options);
  for (const pipeline::Explanation& line : lines)
    if (format == Format::json)
      write_json_line(out, {{"backend", line.backend},
                            {"part", line.part},
                            {"verdict", name_of(line.verdict)},
                            {"reason", line.reason},
                            {"instead", line.instead}});
    else
      out << fmt::format("{:<12} {:<16} {:<9}{}{}{}\n", line.backend, line.part, name_of(line.verdict),
                         line.reason.empty() ? "" : " " + std::string(line.reason),
                         line.instead.empty() ? "" : "; instead: ", line.instead);
}

int bake(const Options& options, Console& console) {
  if (options.output.empty() && !options.explain)
    return console.fail(invalid_argument("nothing says where the baked model goes").with_fix("give -o OUT.onnx"),
                        kWrongUsage);
  const auto found = find(options, console);
  if (!found.ok()) return console.fail(found.error());
  if (options.explain) write_explanation(console.out, *found, options.format);
  if (options.output.empty()) return kDone;
  const auto baked = write_baked(*found, options.output);
  if (!baked.ok()) return console.fail(baked.error());
  for (const std::string& note : baked->notes) console.note(note);
  const Graph& graph = baked->graph;
  const std::string recipe = tasks::describe(found->recipe.transform);
  if (options.format == Format::json) {
    Json outputs = Json::array();
    for (ValueId id : graph.outputs) outputs.push_back(graph.value(id).name);
    if (!options.explain)
      write_json_line(console.out, {{"file", options.output}, {"outputs", std::move(outputs)}, {"recipe", recipe}});
    return kDone;
  }
  std::string ports;
  for (ValueId id : graph.inputs)
    if (!graph.constant(id)) ports += fmt::format("  {} {}", graph.value(id).name, to_string(graph.value(id).type));
  ports += "  ->";
  for (ValueId id : graph.outputs)
    ports += fmt::format("  {} {}", graph.value(id).name, to_string(graph.value(id).type));
  console.out << fmt::format("{}{}\n  {}\n", printable(options.output), printable(ports), recipe);
  return kDone;
}

}  // namespace

Command add_bake(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("bake", "write the model with its preprocessing inside, for any ONNX runtime");
  options->model.add_to(*command);
  command->add_option("-o,--output", options->output, "where the baked model goes")->option_text("OUT.onnx");
  command->add_option("--top-k,--topk", options->top_k, "answer with the indices and probabilities of the best classes")
      ->check(CLI::Range(1, 1'000'000))
      ->option_text("K");
  command->add_option("--photo-size", options->photo_size, "all photos will have this size (default: any)")
      ->option_text("HxW");
  command->add_option("--layout", options->layout, "of the photo: nhwc (default) or nchw")
      ->check(CLI::IsMember({"nhwc", "nchw"}))
      ->option_text("LAYOUT");
  command->add_flag("--bgr", options->bgr, "the photo's channels come as OpenCV reads them");
  command->add_flag("--explain", options->explain, "what each backend runs of it, and what to use instead");
  add_format_flag(*command, options->format, false);
  options->recipe.add_to(*command, true);
  // Here it says, too, with which operators.
  command->remove_option(command->get_option("--resize"));
  command
      ->add_option("--resize", options->resize,
                   "operator (default), bytes or matmul: what resizes; shortest=N as for classify; both with a comma")
      ->option_text("RULE");
  command->footer(
      "The baked model takes photos as they are: u8, N x H x W x 3, RGB.\n"
      "Examples:\n  fovea bake resnet50.onnx -o baked.onnx\n"
      "  fovea bake resnet50.onnx -o baked.onnx --top-k 5 --resize matmul    # for OpenVINO\n"
      "  fovea bake resnet50.onnx -o baked.onnx --resize matmul --photo-size 1080x1920 --layout nchw    # for "
      "TensorRT\n"
      "  fovea bake resnet50.onnx --explain");
  return {command, [options](Console& console) { return bake(*options, console); }};
}

}  // namespace fovea::cli
