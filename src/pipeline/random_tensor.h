// Numbers for inputs that nobody gave: `run --random`, and what `bench` feeds to everyone.
#pragma once

#include <random>

#include "fovea/tensor.h"

namespace fovea::pipeline {

/// Floats from the standard normal distribution, u8 from 0 to 255, other integers and booleans 0 and 1. The same state
/// of the generator gives the same tensor. Error: out_of_memory.
Result<Tensor> random_tensor(const TensorType& type, std::mt19937_64& generator);

}  // namespace fovea::pipeline
