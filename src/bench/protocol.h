// What fovea and a worker say to each other: a line of JSON each way. docs/bench-workers.md is for those who write one.
//
//     {"load": {"model": "/m.onnx", "precision": "fp32", "batch": 1, "threads": 2,
//               "inputs": [{"name": "x", "file": "/tmp/x.npy"}], "outputs": "/tmp/out", "photo": "/a.jpg"}}
//     -> {"loaded": {"library": "PyTorch 2.15.0", "load_s": 1.2, "first_s": 0.3,
//                    "outputs": [{"name": "y", "file": "/tmp/out/y.npy"}], "facts": ["frozen"], "disk_mb": 98.1}}
//     {"run": {"runs": 30, "seconds": 3}}            -> {"ms": [1.23, 1.21]}
//     {"steps": {"runs": 5}}                         -> {"steps": [{"node": ..., "kernel": ..., "ms": ..., "gmac":
//     ...}]}
//     {"stages": {"photos": ["/a.jpg"], "runs": 5, "resize": "exact"}}
//                                                    -> {"stages": [{"photo": ..., "decode": ..., "preprocess": ...,
//                                                                    "infer": ..., "postprocess": ...}]}
//     {"stop": {}}                                   -> nothing; the worker ends
//     -> {"failed": "reason", "fix": "what to do"} in place of any other answer; with "unavailable": true where not the
//        model is the reason, but what is missing on this machine
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bench/report.h"
#include "fovea/result.h"

namespace fovea::bench {

struct NamedFile {
  std::string name, file;
};

struct LoadRequest {
  std::string model;  // absolute path
  std::string precision = "fp32";
  int64_t batch = 1;
  int threads = 1;
  std::vector<NamedFile> inputs;  // .npy
  std::string outputs;            // folder for the outputs of the first run, as .npy
  std::string photo;              // absolute path; empty unless photos are timed: for workers that begin with one
};
/// At most `runs` runs, and none begins after `seconds`; at least one.
struct RunRequest {
  int runs = 30;
  double seconds = 3;
};
struct StepsRequest {
  int runs = 5;
};
struct StagesRequest {
  std::vector<std::string> photos;  // absolute paths
  int runs = 5;                     // of each photo; the answer holds medians
  std::string resize = "exact";     // how fovea resizes; other workers do as they do
};
struct StopRequest {};
using Request = std::variant<LoadRequest, RunRequest, StepsRequest, StagesRequest, StopRequest>;

struct Loaded {
  std::string library;  // "ONNX Runtime 1.31.1"
  double load_s = 0;    // from the file to an engine that can run
  double first_s = 0;   // the first run, with all that it makes ready
  std::vector<NamedFile> outputs;
  std::vector<std::string> facts;
  std::optional<double> disk_mb;  // of the files that it loaded
};

// ---- fovea's side. Lines are without their end.
std::string to_line(const Request& request);
/// Errors of all four: what the worker gave as its reason, with its fix; or that the line is no such answer, quoting
/// it.
Result<Loaded> parse_loaded(std::string_view line);
/// Also an error: no time, more than `runs`, or one that is not above zero.
Result<std::vector<double>> parse_times(std::string_view line, int runs);
Result<std::vector<StepRow>> parse_steps(std::string_view line);
Result<std::vector<Stages>> parse_stages(std::string_view line);

// ---- the worker's side.
/// Error: invalid_argument, naming what is wrong.
Result<Request> parse_request(std::string_view line);
std::string to_line(const Loaded& loaded);
std::string to_line(const std::vector<double>& ms);
std::string to_line(const std::vector<StepRow>& steps);
std::string to_line(const std::vector<Stages>& stages);
std::string to_line(const Error& failure);

}  // namespace fovea::bench
