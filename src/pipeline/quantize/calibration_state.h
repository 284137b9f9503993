// The state of an interrupted calibration, as a file.
#pragma once

#include "pipeline/quantize/calibrate.h"

namespace fovea::pipeline {

struct CalibrationState {
  uint64_t fingerprint = 0;                   // of all that the rest means something for only
  size_t group = 0;                           // of values: those before are done
  size_t photo = 0;                           // the next one for this group
  std::map<size_t, Error> unreadable;         // photos by their place in the list, and why
  std::vector<quantize::Observer> observers;  // of the selection's values, in their order
};

/// Of the graph with its weights, the values, the recipe, the photos' names and file sizes, and the options that decide
/// which values are observed together and what of them is. The photos' pixels are not looked at.
uint64_t fingerprint_of(const Graph& graph, const quantize::Selection& selection, const InputReader& reader,
                        std::span<const Photo> photos, const CalibrationOptions& options);

/// Writes it whole or not at all. Error: io.
Result<void> write_state(const CalibrationState& state, const std::filesystem::path& path);
/// Whether the file is a state of any calibration, of whatever version; false where there is none.
bool holds_state(const std::filesystem::path& path);
/// Error: not_found, io; invalid_argument where it is damaged or has another fingerprint.
Result<CalibrationState> read_state(const std::filesystem::path& path, uint64_t fingerprint);

}  // namespace fovea::pipeline
