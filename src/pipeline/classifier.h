// Photos to labels: decode, preprocess, run, rank; with the time of each stage.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "fovea/fovea.h"
#include "image/transform.h"
#include "pipeline/photos.h"
#include "tasks/classification.h"
#include "tasks/recipe.h"

namespace fovea::pipeline {

/// Milliseconds for one photo. Of a batch, `infer` is the run's time divided by its photos.
struct StageTimes {
  double decode = 0, preprocess = 0, infer = 0, postprocess = 0;
  double total() const { return decode + preprocess + infer + postprocess; }
};

struct Answer {
  const Photo* photo = nullptr;
  Result<std::vector<Prediction>> top = std::vector<Prediction>{};
  StageTimes ms;
  bool model_failed = false;  // the error is the model's: it would fail for every other photo, too
};

struct ClassifierOptions {
  int64_t top_k = 5;
  std::optional<int64_t> batch;  // photos that run together; default: the model's own batch, or 1
};

class Classifier {
 public:
  /// Error: invalid_argument where options.batch contradicts the model's, or its labels the number of its classes.
  static Result<std::unique_ptr<Classifier>> create(std::shared_ptr<backends::Engine> engine, tasks::Recipe recipe,
                                                    const ClassifierOptions& options);

  const tasks::Recipe& recipe() const { return recipe_; }
  int64_t batch() const { return batch_; }

  /// Answers in the order of the photos, each to `sink`, which returns false to stop. While one batch runs, the next
  /// photos are decoded and preprocessed, on as many threads as the engine has; with a single one, in turn. A single
  /// photo is shared among the threads. Not from two threads at once.
  void classify(std::span<const Photo> photos, const std::function<bool(Answer&&)>& sink);

  // For one decoded photo; several threads may call these at once.
  Result<Tensor> preprocess(image::ImageView photo) const;
  Result<std::vector<Prediction>> classify(image::ImageView photo, int64_t k);

  /// What was decided about labels, once they were needed. Each note is given once.
  std::vector<std::string> take_notes();

 private:
  /// A photo on its way to its answer.
  struct Work {
    Answer answer;
    Tensor input;        // of this photo alone
    bool ready = false;  // decoded and preprocessed; not yet run
  };

  /// How a photo is fed: as the model's input, or as bytes where the engine takes those.
  struct Feeding {
    image::Transform transform;
    tasks::InputFacts input;
  };

  Classifier(std::shared_ptr<backends::Engine> engine, tasks::Recipe recipe, image::Transform transform, int64_t top_k,
             int64_t batch);
  Result<void> feed_bytes_if_accepted();
  Result<Tensor> preprocess(image::ImageView photo, const Feeding& feeding) const;
  Work load(const Photo& photo, int threads) const;
  Result<Tensor> batch_of(std::span<Work*> group) const;
  void run_group(std::span<Work*> group);
  Result<void> run_group_or_fail(std::span<Work*> group);
  Result<void> settle_labels(int64_t classes);
  Result<std::vector<Prediction>> rank(std::span<const float> scores, int64_t k) const;
  bool has_fixed_size() const;

  std::shared_ptr<backends::Engine> engine_;
  tasks::Recipe recipe_;
  Feeding model_, feeding_;  // as the model is, and as it is fed here
  int64_t top_k_;
  int64_t batch_;

  mutable std::mutex mutex_;  // of the three below
  std::optional<int64_t> classes_;
  tasks::Labels labels_;
  std::vector<std::string> notes_;
};

}  // namespace fovea::pipeline
