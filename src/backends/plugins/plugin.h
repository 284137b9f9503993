// What plugins are written with: C++ on this side of fovea_backend.h. A plugin gives one Runtime; exceptions may fly
// inside it, and end at the border as errors.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/fovea_backend.h"

namespace fovea::plugin {

/// Thrown inside a plugin: what FOVEA_* code it is, what happened, and what the user can do.
struct Failure {
  int32_t code = FOVEA_INTERNAL;
  std::string message, fix;
};
[[noreturn]] void fail(int32_t code, std::string message, std::string fix = {});

/// An input or output; dtype -1 where the model does not say, open extents -1.
struct Port {
  std::string name;
  int32_t dtype = -1;
  bool has_shape = false;
  std::vector<int64_t> shape = {};
};

using Options = std::map<std::string, std::string>;

/// To fovea's log, for -v.
class Log {
 public:
  explicit Log(const fovea_report* report) : report_(report) {}
  void note(const std::string& message) const { report_->note(report_->host, message.c_str()); }

 private:
  const fovea_report* report_;
};

struct Request {
  std::string model, device;
  int32_t precision = FOVEA_FP32;
  int threads = 1;
  std::string cache;  // "": none
  Options options;
  std::vector<Port> inputs;  // what will be fed, as far as it is known
};

struct Library {
  std::string version, location;
};

/// Where the results of a run go.
class Outputs {
 public:
  explicit Outputs(const fovea_outputs* outputs) : outputs_(outputs) {}
  /// The place of output `i`, with room for exactly this tensor; to be asked for once. Throws where the caller refuses.
  void* place(size_t i, int32_t dtype, std::span<const int64_t> shape);

 private:
  const fovea_outputs* outputs_;
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual void prepare(std::span<const Port> /*inputs*/) {}
  virtual void run(std::span<const fovea_tensor> inputs, Outputs& outputs) = 0;

  std::vector<Port> inputs, outputs;                       // set before compile() returns, and left alone
  std::vector<std::pair<std::string, std::string>> facts;  // prepare() and run() may change them
};

class Runtime {
 public:
  virtual ~Runtime() = default;
  /// Loads the library. Throws Failure{FOVEA_UNAVAILABLE} with the fix.
  virtual Library probe(std::string_view device, const Options& options, const Log& log) = 0;
  virtual std::unique_ptr<Engine> compile(const Request& request, const Log& log) = 0;
};

/// Bytes of an element of a FOVEA_* type.
size_t size_of(int32_t dtype);
int64_t element_count(std::span<const int64_t> shape);
/// "fp32", "bf16", "fp16", "int8".
std::string_view name_of_precision(int32_t precision);
/// The option's value, which is thereby taken from `options`; `otherwise` where it was not given.
std::string take(Options& options, const std::string& name, std::string otherwise = {});
/// Throws where options are left, naming the first and what there is.
void expect_none_left(const Options& options, std::string_view backend, const fovea_option* known);

/// Each plugin defines these two: name, title, devices, suffixes and options of its table, and what does the work. The
/// rest of the table, and the function that exports it, is the same for all.
fovea_backend texts();
Runtime& runtime();

}  // namespace fovea::plugin
