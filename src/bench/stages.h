// The way from a photo to labels, stage by stage, with an engine that is loaded.
#pragma once

#include <filesystem>
#include <memory>

#include "backends/backend.h"
#include "bench/protocol.h"

namespace fovea::bench {

/// `model` is the ONNX file whose recipe is used. Each run takes the photo `batch` times, as the engine was loaded for;
/// the answer is in milliseconds for one photo, the median of the runs after one that does not count. Error: of reading
/// the model, its recipe, or a photo; of running it.
Result<std::vector<Stages>> time_stages(std::shared_ptr<backends::Engine> engine, const std::filesystem::path& model,
                                        int64_t batch, const StagesRequest& request);

}  // namespace fovea::bench
