// The state of an interrupted calibration, as a file.
#pragma once

#include "pipeline/quantize/calibrate.h"

namespace fovea::pipeline {

struct CalibrationState {
  uint64_t fingerprint = 0;                             // of model, recipe, photos and values
  size_t group = 0;                                     // of values: those before are done
  size_t photo = 0;                                     // the next one for this group
  std::map<std::string, quantize::Observer> observers;  // by value's name
};

uint64_t fingerprint_of(const Graph& graph, const quantize::Selection& selection, const InputReader& reader,
                        std::span<const Photo> photos);

/// Writes it whole or not at all. Error: io.
Result<void> write_state(const CalibrationState& state, const std::filesystem::path& path);
/// Error: not_found, io; invalid_argument where it is damaged or has another fingerprint.
Result<CalibrationState> read_state(const std::filesystem::path& path, uint64_t fingerprint);

}  // namespace fovea::pipeline
