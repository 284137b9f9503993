// What each backend makes of a baked model: which parts it runs as they are, which it lowers, which it cannot be given.
#pragma once

#include <string_view>
#include <vector>

#include "pipeline/bake/bake.h"

namespace fovea::pipeline {

enum class Verdict : uint8_t {
  as_is,    // the operators compute what they say
  lowered,  // the backend computes something else that comes near, or needs a step before
  refused,  // an error, or a wrong answer without one
};
std::string_view name_of(Verdict verdict);

struct Explanation {
  std::string_view backend, part;
  Verdict verdict;
  std::string_view reason;
  std::string_view instead;  // flags of `fovea bake`, or what else helps; empty where nothing is needed
};

/// The lines for a model that is baked so, backend by backend.
std::vector<Explanation> explain(const image::TransformSpec& spec, const BakeOptions& options);

}  // namespace fovea::pipeline
