// The worker's side of the protocol for fovea's own backends: what `fovea bench-worker` runs.
#pragma once

#include <functional>
#include <istream>
#include <string>

#include "fovea/options.h"

namespace fovea::bench {

/// Reads requests line by line and answers each with `answer(line)`, until it is told to stop, or the end of `in`.
/// `options` gives backend, its options and the cache; the rest comes with the requests.
void serve(std::istream& in, const std::function<void(const std::string& line)>& answer, const CompileOptions& options);

}  // namespace fovea::bench
