// fovea bench-worker: one engine of one backend, driven line by line by `fovea bench`.
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <iostream>

#include "bench/serve.h"
#include "cli/commands.h"
#include "cli/flags.h"

namespace fovea::cli {
namespace {

struct Options {
  EngineFlags engine;
};

/// Writes all of the line, or ends the process: nobody is listening.
void write_line(int fd, const std::string& line) {
  const std::string text = line + '\n';
  for (size_t done = 0; done < text.size();) {
    const ssize_t put = write(fd, text.data() + done, text.size() - done);
    if (put < 0 && errno != EINTR) _exit(kSomeInputsFailed);
    done += static_cast<size_t>(std::max<ssize_t>(put, 0));
  }
}

int run(const Options& options, Console& console) {
  const auto compile_options = options.engine.compile_options({});
  if (!compile_options.ok()) return console.fail(compile_options.error(), kWrongUsage);
  if (&console.out != &std::cout) {  // within another program: a test
    bench::serve(
        console.in, [&](const std::string& line) { console.out << line << '\n'; }, *compile_options);
    return kDone;
  }
  // What libraries print goes to stderr: stdout belongs to the conversation.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int replies = dup(STDOUT_FILENO);
  if (replies < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) return kSomeInputsFailed;
  bench::serve(
      console.in, [&](const std::string& line) { write_line(replies, line); }, *compile_options);
  return kDone;
}

}  // namespace

Command add_bench_worker(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "bench-worker", "one engine that fovea bench drives through stdin and stdout (docs/bench-workers.md)");
  command->group("");  // people need it only to give a backend twice: bench --worker NAME="fovea bench-worker ..."
  options->engine.add_to(*command);
  return {command, [options](Console& console) { return run(*options, console); }};
}

}  // namespace fovea::cli
