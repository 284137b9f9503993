// Runs test cases that lie on disk as ONNX's own do, and counts: the driver behind ONNX's node tests and the random
// cases.
//
//     onnx_cases DIR [--only LIST.txt] [--kind KIND]... [--filter TEXT] [--engine NAME] [-v]
//
// DIR/cases.txt lists one case a line: kind name rtol atol opsets path (tools/test_cases.py writes it). The engine is
// "reference" (every operator's own kernel) or "native" (what fovea runs models with). Cases of kind "node-other" need
// not be supported: to be refused as unsupported is right for them, to fail otherwise or to give a wrong answer is not.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <sstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "base/mapped_file.h"
#include "cpu/engine.h"
#include "onnx/read.h"
#include "ops/dispatch.h"
#include "ops/evaluate.h"

namespace fovea {
namespace {

namespace fs = std::filesystem;

struct Case {
  std::string kind, name;
  double rtol = 0, atol = 0;
  fs::path folder;
};

enum class Verdict { passed, failed, refused };

struct Outcome {
  Verdict verdict;
  std::string reason;
};

Result<std::vector<Tensor>> read_tensors(const fs::path& folder, std::string_view word) {
  std::vector<Tensor> tensors;
  for (int i = 0;; ++i) {
    const fs::path path = folder / fmt::format("{}_{}.pb", word, i);
    if (!fs::exists(path)) return tensors;
    const auto file = FOVEA_TRY(MappedFile::open(path));
    tensors.push_back(FOVEA_TRY_AT(path.filename().string(), onnx::read_tensor(file->bytes(), file)));
  }
}

/// NumPy's allclose with NaN equal to NaN, and equal types and shapes. Error: says where they differ the most.
Result<void> compare(const Tensor& got, const Tensor& want, double rtol, double atol) {
  if (got.type() != want.type())
    return invalid_argument("it is {}, but {} is expected", to_string(got.type()), to_string(want.type()));
  return ops::dispatch<ops::AllTypes>(got.dtype(), [&]<class T>() -> Result<void> {
    int64_t wrong = 0, worst = 0;
    double worst_excess = -1;
    for (int64_t i = 0; i < got.size(); ++i) {
      const T a = got.data<T>()[i], b = want.data<T>()[i];
      const auto x = static_cast<double>(a), y = static_cast<double>(b);
      if (a == b || (std::isnan(x) && std::isnan(y))) continue;
      const double excess = std::fabs(x - y) - (atol + rtol * std::fabs(y));
      if (excess <= 0) continue;
      ++wrong;
      if (!(excess <= worst_excess)) worst = i, worst_excess = excess;
    }
    if (wrong == 0) return {};
    return invalid_argument("{} of {} values differ, at {} it is {} instead of {}", wrong, got.size(), worst,
                            static_cast<double>(got.data<T>()[worst]), static_cast<double>(want.data<T>()[worst]));
  });
}

using Runner = std::function<Result<std::vector<Tensor>>(const std::vector<Tensor>&)>;

/// Runs the graph on the inputs that have no default, in their order.
Result<Runner> make_runner(std::shared_ptr<const Graph> graph, const std::string& engine) {
  if (engine == "native") {
    std::shared_ptr<cpu::Engine> native = FOVEA_TRY(cpu::Engine::compile(std::move(graph), {.threads = 1}));
    return Runner([native](const std::vector<Tensor>& given) { return native->run(given); });
  }
  return Runner([graph](const std::vector<Tensor>& given) -> Result<std::vector<Tensor>> {
    std::vector<Tensor> inputs;
    size_t used = 0;
    for (ValueId id : graph->inputs) {
      if (const Tensor* constant = graph->constant(id))
        inputs.push_back(*constant);
      else if (used < given.size())
        inputs.push_back(given[used++]);
    }
    if (inputs.size() != graph->inputs.size() || used != given.size())
      return invalid_argument("{} input files for {} inputs", given.size(), graph->inputs.size());
    return ops::evaluate(*graph, inputs);
  });
}

Result<void> run_data_set(const Runner& runner, const Case& test, const fs::path& folder) {
  const auto given = FOVEA_TRY(read_tensors(folder, "input"));
  const auto want = FOVEA_TRY(read_tensors(folder, "output"));
  const auto got = FOVEA_TRY(runner(given));
  if (got.size() != want.size()) return invalid_argument("{} outputs instead of {}", got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    FOVEA_TRY_AT(fmt::format("output {}", i), compare(got[i], want[i], test.rtol, test.atol));
  return {};
}

Outcome run_case(const Case& test, const std::string& engine) {
  const auto fail = [&](const Error& error) -> Outcome {
    const bool may_refuse = test.kind == "node-other" && error.code == ErrorCode::unsupported;
    return {may_refuse ? Verdict::refused : Verdict::failed, error.to_string()};
  };
  auto graph = onnx::read_model(test.folder / "model.onnx");
  if (!graph) return fail(graph.error());
  const auto runner = make_runner(std::make_shared<const Graph>(*std::move(graph)), engine);
  if (!runner) return fail(runner.error());
  int sets = 0;
  for (; fs::exists(test.folder / fmt::format("test_data_set_{}", sets)); ++sets) {
    const auto result = run_data_set(*runner, test, test.folder / fmt::format("test_data_set_{}", sets));
    if (!result) return fail(result.error());
  }
  if (sets == 0) return {Verdict::failed, "there is no test_data_set_0"};
  return {Verdict::passed, {}};
}

Result<std::vector<Case>> read_index(const fs::path& folder) {
  std::ifstream file(folder / "cases.txt");
  if (!file) return not_found("no cases.txt").at(folder.string()).with_fix("tools/write_onnx_tests.py writes one");
  std::vector<Case> cases;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Case test;
    std::string opsets, path;
    if (!(words >> test.kind >> test.name >> test.rtol >> test.atol >> opsets >> path))
      return invalid_argument("cases.txt has a line \"{}\"", line);
    test.folder = folder / path;
    cases.push_back(std::move(test));
  }
  return cases;
}

std::set<std::string> read_words(const std::string& path) {
  std::ifstream file(path);
  std::set<std::string> words;
  for (std::string word; file >> word;) words.insert(word);
  return words;
}

int run(int argc, char** argv) {
  CLI::App app{"runs test cases in ONNX's form and counts"};
  std::string folder, only, filter, engine = "reference";
  std::vector<std::string> kinds;
  bool verbose = false;
  app.add_option("DIR", folder, "folder with cases.txt")->required();
  app.add_option("--only", only, "file with the names of the cases to run")->check(CLI::ExistingFile);
  app.add_option("--kind", kinds, "run cases of these kinds only");
  app.add_option("--filter", filter, "run cases with this text in their name only");
  app.add_option("--engine", engine, "what runs the models")->check(CLI::IsMember({"reference", "native"}));
  app.add_flag("-v", verbose, "name every case, and say why one was refused");
  CLI11_PARSE(app, argc, argv);

  const auto cases = read_index(folder);
  if (!cases) {
    fmt::print(stderr, "{}\n", cases.error().to_string());
    return 2;
  }
  const std::set<std::string> wanted = only.empty() ? std::set<std::string>{} : read_words(only);
  int passed = 0, failed = 0, refused = 0;
  for (const Case& test : *cases) {
    if (!only.empty() && !wanted.contains(test.name)) continue;
    if (!kinds.empty() && std::ranges::find(kinds, test.kind) == kinds.end()) continue;
    if (test.name.find(filter) == std::string::npos) continue;
    if (verbose) std::fflush(stdout);  // the case that crashes is the one after the last named
    const Outcome outcome = run_case(test, engine);
    passed += outcome.verdict == Verdict::passed;
    failed += outcome.verdict == Verdict::failed;
    refused += outcome.verdict == Verdict::refused;
    if (outcome.verdict == Verdict::failed)
      fmt::print("FAILED {} {}: {}\n", test.kind, test.name, outcome.reason);
    else if (verbose)
      fmt::print("{} {} {} {}\n", outcome.verdict == Verdict::passed ? "passed" : "refused", test.kind, test.name,
                 outcome.reason);
  }
  if (refused > 0) fmt::print("{} refused as unsupported, which they may be\n", refused);
  fmt::print("{} passed, {} failed\n", passed, failed);
  return failed > 0 || passed + refused == 0 ? 1 : 0;
}

}  // namespace
}  // namespace fovea

int main(int argc, char** argv) { return fovea::run(argc, argv); }
