// A model with a batch size: what everyone is given to run, and how much work it is.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bench/protocol.h"
#include "fovea/tensor.h"
#include "pipeline/input_shapes.h"

namespace fovea::bench {

struct ModelCase {
  std::filesystem::path path;  // absolute
  std::string name;            // file name without folder and suffix
  int64_t batch = 1;
  std::vector<std::pair<std::string, TensorType>> inputs;
  double gmac = 0;          // of one run; 0 where it is not known
  double weight_bytes = 0;  // as stored
  double disk_mb = 0;
  bool quantized = false;  // its products are int8, whatever the precision of the rest
  std::vector<std::string> notes;
};

/// `shapes` fills what the model leaves open; the first extent of an input is the batch, if it is open. Of a file that
/// is no ONNX model nothing is known: its inputs are those of `shapes`, in f32. Error: onnx::read_model's;
/// invalid_argument where an extent stays open, and where the model's own batch is another.
Result<ModelCase> examine_case(const std::filesystem::path& path, const pipeline::InputShapes& shapes,
                               std::optional<int64_t> batch);

/// The same random numbers in each call, one .npy for each input. Error: io, out_of_memory.
Result<std::vector<NamedFile>> write_inputs(const ModelCase& model, const std::filesystem::path& folder);

}  // namespace fovea::bench
