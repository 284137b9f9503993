#include "bench/serve.h"

#include <algorithm>
#include <optional>

#include "backends/registry.h"
#include "base/error.h"
#include "bench/protocol.h"
#include "bench/stages.h"
#include "bench/statistics.h"
#include "pipeline/stopwatch.h"
#include "tasks/npy.h"

namespace fovea::bench {
namespace {

using pipeline::Stopwatch;

Result<Precision> parse_precision(std::string_view name) {
  for (Precision precision : {Precision::fp32, Precision::bf16, Precision::fp16, Precision::int8})
    if (name == name_of(precision)) return precision;
  return invalid_argument("there is no precision \"{}\"", name).with_fix("ask for fp32, bf16, fp16 or int8");
}

class Server {
 public:
  explicit Server(CompileOptions options) : options_(std::move(options)) {}

  Result<std::string> answer(const LoadRequest& request) { return line(load(request)); }
  Result<std::string> answer(const RunRequest& request) { return line(run(request)); }
  Result<std::string> answer(const StepsRequest& request) { return line(steps(request)); }
  Result<std::string> answer(const StagesRequest& request) {
    FOVEA_TRY(need_engine());
    return line(time_stages(engine_, model_, batch_, request));
  }
  Result<std::string> answer(const StopRequest&) { return std::string(); }

 private:
  template <class T>
  static Result<std::string> line(const Result<T>& result) {
    if (!result.ok()) return result.error();
    return to_line(*result);
  }

  Result<void> need_engine() const {
    if (!engine_) return invalid_argument("no model is loaded").with_fix("send a load request first");
    return {};
  }

  Result<Loaded> load(const LoadRequest& request);
  Result<void> bind_inputs(const std::vector<NamedFile>& files);
  Result<std::vector<NamedFile>> write_outputs(const std::string& folder) const;
  Result<std::vector<double>> run(const RunRequest& request);
  Result<void> run_once();
  Result<std::vector<StepRow>> steps(const StepsRequest& request);

  CompileOptions options_;
  std::filesystem::path model_;  // as the request names it
  int64_t batch_ = 1;
  std::shared_ptr<backends::Engine> engine_;
  std::vector<Tensor> inputs_, outputs_;
  bool bound_ = true;  // outputs go where they went before
};

/// The inputs by their names; by their order where a runtime has other names for them.
Result<void> Server::bind_inputs(const std::vector<NamedFile>& files) {
  const auto ports = engine_->inputs();
  const bool same_number = files.size() == ports.size();
  inputs_.clear();
  for (size_t i = 0; i < ports.size(); ++i) {
    auto file = std::ranges::find(files, ports[i].name, &NamedFile::name);
    if (file == files.end() && same_number) file = files.begin() + static_cast<std::ptrdiff_t>(i);
    if (file == files.end()) return invalid_argument("there is no value for the input \"{}\"", ports[i].name);
    inputs_.push_back(FOVEA_TRY(tasks::read_npy(file->file)));
  }
  return {};
}

Result<std::vector<NamedFile>> Server::write_outputs(const std::string& folder) const {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return io("cannot make the folder: {}", failed.message()).at(folder);
  std::vector<NamedFile> files;
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const auto file = std::filesystem::path(folder) / fmt::format("output{}.npy", i);
    FOVEA_TRY(tasks::write_npy(file, outputs_[i]));
    files.push_back({engine_->outputs()[i].name, file.string()});
  }
  return files;
}

Result<Loaded> Server::load(const LoadRequest& request) {
  engine_.reset();
  options_.precision = FOVEA_TRY(parse_precision(request.precision));
  options_.threads = request.threads;
  for (const NamedFile& input : request.inputs) {
    const Tensor tensor = FOVEA_TRY(tasks::read_npy(input.file));
    options_.shapes[input.name] = tensor.shape();
  }
  const backends::Choice choice = FOVEA_TRY(backends::choose(options_.backend));
  const backends::Library library = FOVEA_TRY(choice.backend->probe(choice.device, options_));  // loads it, too
  backends::Source source;
  source.path = FOVEA_TRY(backends::model_file(*choice.backend, request.model));
  model_ = request.model;
  batch_ = request.batch;

  Loaded loaded;
  loaded.library = fmt::format("{} {}", choice.backend->title(), library.version);
  const Stopwatch loading;
  engine_ = std::shared_ptr<backends::Engine>(
      FOVEA_TRY_AT(source.path.string(), choice.backend->compile(source, choice.device, options_)));
  loaded.load_s = loading.ms() * 1e-3;
  FOVEA_TRY(bind_inputs(request.inputs));
  const Stopwatch running;
  outputs_ = FOVEA_TRY(engine_->run(inputs_));
  loaded.first_s = running.ms() * 1e-3;
  bound_ = true;
  loaded.outputs = FOVEA_TRY(write_outputs(request.outputs));
  for (const backends::Fact& fact : engine_->facts()) loaded.facts.push_back(fact.name + ": " + fact.value);
  if (source.path != model_) {
    std::error_code failed;
    const auto bytes = std::filesystem::file_size(source.path, failed);
    if (!failed) loaded.disk_mb = 1e-6 * static_cast<double>(bytes);
  }
  return loaded;
}

Result<void> Server::run_once() {
  if (bound_) {
    std::vector<MutableView> views;
    for (Tensor& output : outputs_) views.push_back(output.mutable_view());
    if (engine_->run_into(inputs_, views).ok()) return {};
    bound_ = false;  // outputs whose size depends on data
  }
  outputs_ = FOVEA_TRY(engine_->run(inputs_));
  return {};
}

Result<std::vector<double>> Server::run(const RunRequest& request) {
  FOVEA_TRY(need_engine());
  std::vector<double> times;
  const Stopwatch block;
  do {
    const Stopwatch watch;
    FOVEA_TRY(run_once());
    times.push_back(watch.ms());
  } while (times.size() < static_cast<size_t>(request.runs) && block.ms() < request.seconds * 1e3);
  return times;
}

/// Steps are matched by their place: the same plan runs each time.
Result<std::vector<StepRow>> Server::steps(const StepsRequest& request) {
  FOVEA_TRY(need_engine());
  std::vector<StepRow> rows;
  std::vector<std::vector<double>> times;
  for (int i = 0; i < request.runs; ++i) {
    std::vector<backends::StepTime> steps;
    FOVEA_TRY(engine_->run(inputs_, &steps));
    if (i == 0)
      for (const backends::StepTime& step : steps) {
        StepRow row;
        row.node = step.node;
        row.kernel = step.kernel;
        row.gmac = step.gmac;
        rows.push_back(std::move(row));
      }
    times.resize(rows.size());
    for (size_t s = 0; s < std::min(rows.size(), steps.size()); ++s) times[s].push_back(steps[s].ms);
  }
  if (rows.empty())
    return unsupported("backend {} cannot time its steps", options_.backend).with_fix("the native one can");
  for (size_t s = 0; s < rows.size(); ++s) rows[s].ms = median(times[s]);
  return rows;
}

}  // namespace

void serve(std::istream& in, const std::function<void(const std::string& line)>& answer,
           const CompileOptions& options) {
  Server server(options);
  for (std::string line; std::getline(in, line);) {
    const auto request = parse_request(line);
    if (request.ok() && std::holds_alternative<StopRequest>(*request)) return;
    const auto reply = request.ok() ? std::visit([&](const auto& one) { return server.answer(one); }, *request)
                                    : Result<std::string>(request.error());
    answer(reply.ok() ? *reply : to_line(reply.error()));
  }
}

}  // namespace fovea::bench
