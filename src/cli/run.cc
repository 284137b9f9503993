// fovea run MODEL: tensors in, tensors out, as .npy files.
#include <algorithm>
#include <cmath>
#include <random>
#include <set>

#include <fmt/format.h>

#include "backends/registry.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/load.h"
#include "cli/output.h"
#include "pipeline/input_shapes.h"
#include "pipeline/random_tensor.h"
#include "pipeline/stopwatch.h"
#include "tasks/npy.h"

namespace fovea::cli {
namespace {

struct Options {
  ModelFlags model;
  EngineFlags engine;
  std::vector<std::string> inputs;
  std::string folder;
  bool random = false;
  uint64_t seed = 0;
  bool profile = false;
  Format format = Format::text;
};

using Files = std::map<std::string, std::string>;  // by input

/// -i name=x.npy, or -i x.npy where the model has one input.
Result<Files> name_files(std::span<const std::string> arguments, std::span<const backends::Port> ports) {
  Files files;
  for (const std::string& argument : arguments) {
    const auto named =
        std::ranges::find_if(ports, [&](const backends::Port& port) { return argument.starts_with(port.name + "="); });
    const bool alone = named == ports.end() && ports.size() == 1 && argument.find('=') == std::string::npos;
    if (named == ports.end() && !alone) {
      std::string names;
      for (const backends::Port& port : ports) names += (names.empty() ? "" : ", ") + port.name;
      return invalid_argument("-i {} names no input of the model", argument)
          .with_fix(fmt::format("write -i name=FILE.npy; the inputs are {}", names));
    }
    const std::string& name = alone ? ports[0].name : named->name;
    if (!files.emplace(name, alone ? argument : argument.substr(name.size() + 1)).second)
      return invalid_argument("-i gives the input \"{}\" twice", name);
  }
  return files;
}

Result<Tensor> random_input(const backends::Port& port, std::mt19937_64& generator) {
  const auto type = port.type.concrete();
  if (!type)
    return invalid_argument("the input \"{}\" is {}: its size is not known", port.name, to_string(port.type))
        .with_fix(fmt::format("give --shape {}={}", port.name, pipeline::example_shape(port.type)));
  return pipeline::random_tensor(*type, generator);
}

Result<Tensor> read_input(const backends::Port& port, const std::string& file) {
  Tensor tensor = FOVEA_TRY(tasks::read_npy(file));
  if (port.type.dtype && tensor.dtype() != *port.type.dtype)
    return invalid_argument("the file holds {}, the input \"{}\" is {}", name_of(tensor.dtype()), port.name,
                            to_string(port.type))
        .at(file)
        .with_fix("convert it in Python with .astype(...)");
  if (!accepts(port.type, tensor.type()))
    return invalid_argument("the file holds {}, the input \"{}\" is {}", to_string(tensor.type()), port.name,
                            to_string(port.type))
        .at(file)
        .with_fix("give a tensor of that shape");
  return tensor;
}

Result<std::vector<Tensor>> gather_inputs(const Options& options, std::span<const backends::Port> ports) {
  const Files files = FOVEA_TRY(name_files(options.inputs, ports));
  std::mt19937_64 generator(options.seed);
  std::vector<Tensor> tensors;
  for (const backends::Port& port : ports) {
    if (const auto file = files.find(port.name); file != files.end())
      tensors.push_back(FOVEA_TRY(read_input(port, file->second)));
    else if (options.random)
      tensors.push_back(FOVEA_TRY(random_input(port, generator)));
    else
      return invalid_argument("the input \"{}\", {}, has no value", port.name, to_string(port.type))
          .with_fix(fmt::format("give -i {}=FILE.npy, or --random", port.name));
  }
  return tensors;
}

/// A file's name for each output: letters, digits, '_', '.' and '-' of its name, the rest replaced, all different.
std::vector<std::string> file_names(std::span<const backends::Port> ports) {
  std::set<std::string> taken;
  std::vector<std::string> names;
  for (const backends::Port& port : ports) {
    constexpr size_t kLongest = 200;
    std::string name = port.name.substr(0, kLongest);
    for (char& c : name)
      if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.' && c != '-') c = '_';
    if (name.empty() || name.front() == '.') name.insert(0, "_");
    std::string unique = name;
    for (int i = 2; !taken.insert(unique).second; ++i) unique = fmt::format("{}_{}", name, i);
    names.push_back(unique + ".npy");
  }
  return names;
}

struct Summary {
  double min = 0, max = 0, mean = 0;
  int64_t undefined = 0;  // NaN
};

template <class T>
Summary summarize(const Tensor& tensor) {
  Summary summary{INFINITY, -INFINITY, 0, 0};
  for (const T& element : tensor.values<T>()) {
    const auto value = static_cast<double>(element);
    if (std::isnan(value)) {
      ++summary.undefined;
      continue;
    }
    summary.min = std::min(summary.min, value);
    summary.max = std::max(summary.max, value);
    summary.mean += value;
  }
  summary.mean /= static_cast<double>(std::max<int64_t>(1, tensor.size() - summary.undefined));
  return summary;
}

Summary summarize(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::f32: return summarize<float>(tensor);
    case DType::f64: return summarize<double>(tensor);
    case DType::f16: return summarize<f16>(tensor);
    case DType::bf16: return summarize<bf16>(tensor);
    case DType::i8: return summarize<int8_t>(tensor);
    case DType::u8: return summarize<uint8_t>(tensor);
    case DType::i16: return summarize<int16_t>(tensor);
    case DType::u16: return summarize<uint16_t>(tensor);
    case DType::i32: return summarize<int32_t>(tensor);
    case DType::u32: return summarize<uint32_t>(tensor);
    case DType::i64: return summarize<int64_t>(tensor);
    case DType::u64: return summarize<uint64_t>(tensor);
    case DType::boolean: return summarize<bool>(tensor);
  }
  return {};
}

void write_profile(std::ostream& err, std::vector<backends::StepTime> steps) {
  double total = 0;
  for (const auto& step : steps) total += step.ms;
  std::ranges::stable_sort(steps, [](const auto& a, const auto& b) { return a.ms > b.ms; });
  err << fmt::format("{:>9} {:>6} {:>9}  {:<28} {}\n", "ms", "%", "GMAC/s", "kernel", "node");
  for (const auto& step : steps)
    err << fmt::format("{:9.3f} {:6.1f} {:>9}  {:<28} {}\n", step.ms, total > 0 ? 100 * step.ms / total : 0,
                       step.gmac > 0 && step.ms > 0 ? fmt::format("{:.1f}", step.gmac / step.ms * 1e3) : "-",
                       step.kernel, printable(step.node));
}

int write_outputs(const Options& options, std::span<const backends::Port> ports, std::span<const Tensor> outputs,
                  double ms, Console& console) {
  std::error_code failed;
  if (!options.folder.empty()) std::filesystem::create_directories(options.folder, failed);
  if (failed)
    return console.fail(io("cannot make the folder: {}", failed.message()).at(options.folder), kSomeInputsFailed);
  const std::vector<std::string> names = file_names(ports);
  Json list = Json::array();
  for (size_t i = 0; i < outputs.size(); ++i) {
    std::string file;
    if (!options.folder.empty()) {
      file = (std::filesystem::path(options.folder) / names[i]).string();
      if (const auto written = tasks::write_npy(file, outputs[i]); !written.ok())
        return console.fail(written.error(), kSomeInputsFailed);
    }
    const Summary summary = summarize(outputs[i]);
    if (options.format == Format::json) {
      list.push_back({{"name", ports[i].name},
                      {"dtype", name_of(outputs[i].dtype())},
                      {"shape", outputs[i].shape()},
                      {"file", file.empty() ? Json() : Json(file)},
                      {"min", significant(summary.min, 7)},
                      {"max", significant(summary.max, 7)},
                      {"mean", significant(summary.mean, 7)},
                      {"nan", summary.undefined}});
    } else {
      console.out << fmt::format("{}  {}  min {:.6g}, max {:.6g}, mean {:.6g}{}{}\n", printable(ports[i].name),
                                 to_string(outputs[i].type()), summary.min, summary.max, summary.mean,
                                 summary.undefined > 0 ? fmt::format(", {} NaN", summary.undefined) : "",
                                 file.empty() ? "" : "  -> " + file);
    }
  }
  if (options.format == Format::json)
    write_json_line(console.out, {{"outputs", std::move(list)}, {"ms", significant(ms, 6)}});
  return kDone;
}

int run(const Options& options, Console& console) {
  backends::Source source;
  const auto engine = compile_model(options.model, options.engine, source);
  if (!engine.ok()) return console.fail(engine.error());
  const auto inputs = gather_inputs(options, (*engine)->inputs());
  if (!inputs.ok())
    return console.fail(inputs.error(),
                        inputs.error().code == ErrorCode::invalid_argument ? kWrongUsage : kSomeInputsFailed);
  std::vector<backends::StepTime> steps;
  pipeline::Stopwatch watch;
  const auto outputs = (*engine)->run(*inputs, options.profile ? &steps : nullptr);
  const double ms = watch.ms();
  if (!outputs.ok()) return console.fail(Error(outputs.error()).at(options.model.path));
  console.detail(fmt::format("ran in {:.1f} ms on {} threads", ms, (*engine)->threads()));
  if (options.profile) write_profile(console.err, std::move(steps));
  return write_outputs(options, (*engine)->outputs(), *outputs, ms, console);
}

}  // namespace

Command add_run(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("run", "tensors in, tensors out, as NumPy's .npy files");
  options->model.add_to(*command);
  command
      ->add_option("-i,--input", options->inputs,
                   "a tensor for an input; may be repeated; the name may be left out where there is only one")
      ->option_text("NAME=FILE.npy")
      ->allow_extra_args(false);
  command->add_option("-o,--output", options->folder, "folder for the outputs, each as NAME.npy")->option_text("DIR");
  command->add_flag("--random", options->random, "random numbers for the inputs that have no file");
  command->add_option("--seed", options->seed, "of --random: the same seed gives the same numbers (default 0)")
      ->option_text("N");
  command->add_flag("--profile", options->profile, "time and kernel of each step, on stderr");
  add_format_flag(*command, options->format, false);
  options->engine.add_to(*command);
  command->footer(
      "Examples:\n  fovea run model.onnx -i input=x.npy -o out\n"
      "  fovea run model.onnx --random --shape input=1x3x224x224 --profile");
  return {command, [options](Console& console) { return run(*options, console); }};
}

}  // namespace fovea::cli
