// A report for the tests: two groups with everything that a row may have, and text that is out to break pages.
#pragma once

#include "bench/report.h"

namespace fovea::bench {

inline Row example_row(std::string backend, std::string precision, double median, double ratio, double rel_l2) {
  Row row;
  row.model = "resnet50";
  row.backend = std::move(backend);
  row.library = "Some Runtime 1.2";
  row.precision = std::move(precision);
  row.threads = 2;
  row.ms = {median * 0.98, median, median * 1.05, median * 1.2};
  row.images_per_s = 1e3 / median;
  row.ratio = Ratio{ratio, ratio * 0.99, ratio * 1.01};
  row.peak_fraction = 0.87;
  row.error = Distance{rel_l2, rel_l2 * 4};
  row.load_s = 0.69;
  row.first_s = 0.0412;
  row.rss_mb = 311.2;
  row.disk_mb = 29;
  row.rounds = 12;
  row.dropped = 3;
  row.bound_by = "compute";
  return row;
}

inline Report example_report() {
  Report report;
  report.version = "0.3.0";
  report.date = "2026-11-21T12:00:00Z";
  report.command = "fovea bench resnet50.onnx --backend native,onnxruntime";
  report.machine = {"AMD EPYC <7R13>", "avx2", "Linux 6.1", 2, 7.8, {{"fp32", 1, 58.5}, {"fp32", 2, 117}}, 38.2};
  report.baseline = "onnxruntime";
  report.same_with_same = Ratio{1.001, 0.992, 1.009};
  report.rows.push_back(example_row("onnxruntime", "fp32", 37.5, 1, 1.2e-6));
  report.rows[0].ratio = Ratio{};
  report.rows.push_back(example_row("native", "fp32", 31.04, 1.208, 2.3e-6));
  report.rows.push_back(example_row("native", "bf16", 19.8, 1.894, 0.0043));
  report.rows.push_back(example_row("openvino", "fp32", 31.1, 1.206, 9e-7));
  report.rows[1].stages.push_back({18.2, 2.1, 31.0, 0.02, "12 MP"});
  report.rows[1].steps.push_back({"Conv \"stem|1\"", "gemm_avx2", 1.5, 0.118, 0.83});
  report.rows[1].facts = {"threads: 2"};
  Row torch;
  torch.model = "resnet50";
  torch.backend = "torch";
  torch.threads = 2;
  torch.failed = "the worker died: <signal 9> & \"no\" | memory";
  torch.fix = "give the machine more memory, or compare fewer models at once";
  report.rows.push_back(torch);
  Row large = example_row("native", "fp32", 210, 1.1, 2.2e-6);
  large.batch = 8;
  large.images_per_s = 8e3 / 210;
  large.bound_by = "memory";
  report.rows.push_back(large);
  report.notes = {"OpenVINO's own default for precision was overruled"};
  return report;
}

}  // namespace fovea::bench
