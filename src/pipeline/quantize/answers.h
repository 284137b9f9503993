// What quantisation did to the answers: the float model and the int8 one on the same photos.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "cpu/engine.h"
#include "pipeline/quantize/input_reader.h"
#include "pipeline/quantize/photo_split.h"

namespace fovea::pipeline {

/// One photo's outputs of the float model.
struct Reference {
  const Photo* photo = nullptr;
  std::vector<Tensor> outputs;
};

struct Answers {
  int64_t photos = 0;
  double sqnr_db = 0;  // of all float outputs together
  /// Of classifiers: the share of photos, 0 to 1, whose best class is the float model's, and whose best five hold it.
  std::optional<double> top1_agreement, top5_agreement;
  /// Where the true classes are known: the share that is right.
  std::optional<double> float_accuracy, accuracy;
  double ms = 0;  // of one run of the model, the median
};

/// What the float model answers, photo by photo; photos that cannot be read are left out. Keeps outputs of at most 1
/// GiB, then the rest of the photos is left out, too. `ms`: the median time of a run.
Result<std::vector<Reference>> float_answers(cpu::Engine& engine, const InputReader& reader,
                                             std::span<const Photo> photos, double* ms,
                                             const std::function<bool()>& step);

/// The int8 model's answers against these. `step` is called before each photo and may stop it by false. Error: the
/// engine's; unavailable when stopped.
Result<Answers> compare_answers(cpu::Engine& engine, const InputReader& reader, std::span<const Reference> references,
                                const std::optional<FolderClasses>& classes, const std::function<bool()>& step);

/// Points of accuracy lost, 0 to 100: by the true classes where they are known, else by agreement with the float model;
/// nothing where the model is no classifier.
std::optional<double> drop_of(const Answers& answers);

}  // namespace fovea::pipeline
