// The commands, one file each. add_*() declares a command's flags and gives what runs it.
#pragma once

#include <functional>

#include <CLI/CLI.hpp>

#include "cli/console.h"

namespace fovea::cli {

struct Command {
  CLI::App* app;                      // the subcommand
  std::function<int(Console&)> main;  // its exit code
};

Command add_classify(CLI::App& app);
Command add_run(CLI::App& app);
Command add_preprocess(CLI::App& app);
Command add_verify(CLI::App& app);
Command add_inspect(CLI::App& app);
Command add_bake(CLI::App& app);
Command add_quantize(CLI::App& app);
Command add_table(CLI::App& app);
Command add_compile(CLI::App& app);
Command add_bench(CLI::App& app);
Command add_bench_worker(CLI::App& app);
Command add_doctor(CLI::App& app);

}  // namespace fovea::cli
