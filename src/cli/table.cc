// fovea table IN -o OUT: a calibration table in the form that another runtime reads.
#include "quantize/table.h"

#include "base/error.h"
#include "cli/commands.h"
#include "cli/table_text.h"

namespace fovea::cli {
namespace {

struct Options {
  std::string input, output, kind;
  Format format = Format::text;
};

int convert(const Options& options, Console& console) {
  const auto table = quantize::read_table_file(options.input);
  if (!table.ok()) return console.fail(table.error(), kWrongUsage);
  for (const std::string& note : table->notes) console.note(options.input + ": " + note);
  if (options.output.empty()) {
    write_table(console.out, options.input, *table, options.format);
    return kDone;
  }
  const auto written = quantize::write_table_file(*table, options.output, quantize::parse_table_format(options.kind));
  if (written.ok()) return kDone;
  return console.fail(written.error(), written.error().code == ErrorCode::io ? kSomeInputsFailed : kWrongUsage);
}

}  // namespace

Command add_table(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("table", "show a calibration table, or write it for another runtime");
  command->add_option("TABLE", options->input, "of ONNX Runtime (.cache, .flatbuffers, .json) or TensorRT")->required();
  command
      ->add_option("-o,--output", options->output, "the kind follows from the name: .cache, .flatbuffers, .json, .trt")
      ->option_text("FILE");
  command->add_option("--kind", options->kind, "cache, flatbuffers, json or tensorrt, whatever the name is")
      ->check(CLI::IsMember({"cache", "flatbuffers", "json", "tensorrt"}))
      ->option_text("KIND");
  add_format_flag(*command, options->format, false);
  command->footer(
      "Examples:\n  fovea table calibration.json\n"
      "  fovea table calibration.json -o calibration.trt");
  return {command, [options](Console& console) { return convert(*options, console); }};
}

}  // namespace fovea::cli
