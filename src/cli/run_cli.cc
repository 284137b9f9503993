#include "cli/run_cli.h"

#include <algorithm>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "fovea/version.h"

namespace fovea::cli {
namespace {

constexpr const char* kFooter =
    "Answers go to stdout, all else to stderr. Exit codes: 0 all well, 1 some inputs failed, 2 wrong usage,\n"
    "3 the model cannot be used, 4 the backend is not available.\n"
    "FOVEA_ISA=portable|neon|avx2|avx512 forces a lower instruction set than the CPU has.\n"
    "Example: fovea classify models/demo.onnx models/photos/coffee.jpg";

int run_command(CLI::App& app, const std::vector<Command>& commands, std::vector<std::string> arguments,
                Console& console) {
  try {
    std::ranges::reverse(arguments);  // as CLI11 wants them
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error, console.out, console.err);  // --help, --version
    const auto chosen = app.get_subcommands();
    const std::string help = chosen.empty() ? "fovea --help" : "fovea " + chosen.front()->get_name() + " --help";
    Error usage{ErrorCode::invalid_argument, error.what(), {}, help + " shows what there is"};
    return console.fail(usage, kWrongUsage);
  }
  set_log_level(console.quiet ? LogLevel::error : console.verbose ? LogLevel::debug : LogLevel::info);
  for (const Command& command : commands)
    if (command.app->parsed()) return command.main(console);
  console.out << app.help();
  return kDone;
}

}  // namespace

int run_cli(std::vector<std::string> arguments, Console& console) {
  CLI::App app("fovea runs image models fast, on the machine you have.", "fovea");
  app.set_version_flag("--version", std::string(version()));
  app.footer(kFooter);
  app.require_subcommand(0, 1);
  app.get_formatter()->column_width(34);
  const std::vector<Command> commands = {add_classify(app), add_run(app),   add_preprocess(app),   add_inspect(app),
                                         add_verify(app),   add_bake(app),  add_quantize(app),     add_table(app),
                                         add_compile(app),  add_bench(app), add_bench_worker(app), add_doctor(app)};
  for (const Command& command : commands) {
    command.app->add_flag("-q,--quiet", console.quiet, "errors only on stderr");
    command.app->add_flag("-v,--verbose", console.verbose, "more on stderr");
  }
  const int code = run_command(app, commands, std::move(arguments), console);
  console.out.flush();
  if (!console.out)
    return console.fail({ErrorCode::io, "cannot write the answer to stdout", {}, {}},
                        code == kDone ? kSomeInputsFailed : static_cast<ExitCode>(code));
  return code;
}

}  // namespace fovea::cli
