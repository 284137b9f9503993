// What a comparison found: one row for each way of running a model, and the machine that it ran on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fovea::bench {

/// Milliseconds of one run, over all rounds that count.
struct Times {
  double min = 0, median = 0, p90 = 0, p99 = 0;
};

/// How many times as fast as the baseline: above 1 the row is faster. The median over rounds of the paired ratios, with
/// a bootstrap interval of 95 %.
struct Ratio {
  double value = 1, low = 1, high = 1;
};

/// Distance of the outputs from the fp32 reference.
struct Distance {
  double rel_l2 = 0;        // |y - reference| / |reference|
  double max_over_rms = 0;  // largest difference over the reference's root mean square
};

struct Stages {
  double decode = 0, preprocess = 0, infer = 0, postprocess = 0;  // ms for one photo, medians
  std::string photo;                                              // "12 MP" or the file's name
};

/// A step of the native engine, median of several runs.
struct StepRow {
  std::string node, kernel;
  double ms = 0;
  double gmac = 0;
  std::optional<double> peak_fraction;
};

struct Row {
  std::string model;    // file name without folder and suffix
  std::string backend;  // "native", "onnxruntime:cuda", or the name of a worker
  std::string library;  // "ONNX Runtime 1.31.1"
  std::string precision = "fp32";
  int64_t batch = 1;
  int threads = 1;
  std::optional<std::string> failed, fix;  // why there are no figures, and what to do

  Times ms;
  double images_per_s = 0;
  std::optional<Ratio> ratio;           // absent where the baseline failed
  std::optional<double> peak_fraction;  // of the machine's measured peak for this precision and number of threads
  std::optional<Distance> error;        // against the fp32 reference
  std::optional<double> load_s, first_s, rss_mb, disk_mb;
  int rounds = 0, dropped = 0;  // measured, and left out for steal or a slow clock
  std::string bound_by;         // "compute", "memory", "preprocessing", "start-up", "overhead"
  std::vector<Stages> stages;
  std::vector<StepRow> steps;
  std::vector<std::string> facts;  // what the engine said of itself
};

struct Peak {
  std::string precision;
  int threads = 1;
  double gmac_per_s = 0;  // measured with FMA loops of our own
};

struct Machine {
  std::string cpu, isa, system;
  int cores = 1;
  double memory_gb = 0;
  std::vector<Peak> peaks;
  double memory_gb_per_s = 0;  // reading, all threads
};

struct Report {
  std::string version;  // of fovea
  std::string date;     // ISO 8601, UTC
  std::string command;  // the line that repeats it
  Machine machine;
  std::string baseline;                 // the backend that ratios refer to
  std::optional<Ratio> same_with_same;  // the baseline against itself: no smaller difference is a result
  std::vector<Row> rows;
  std::vector<std::string> notes;
};

}  // namespace fovea::bench
