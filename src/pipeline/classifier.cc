#include "pipeline/classifier.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "pipeline/load_photo.h"
#include "pipeline/prefetch.h"
#include "pipeline/stopwatch.h"
#include "tasks/model_input.h"

namespace fovea::pipeline {
namespace {

/// The scores of all classes. Where the model chooses the best itself, the others count as 0.
Result<tasks::Scores> scores_of(std::span<const Tensor> outputs, const tasks::OutputFacts& facts) {
  tasks::Scores scores = FOVEA_TRY(tasks::scores_of(outputs[facts.index]));
  if (!facts.indices) return scores;
  const Tensor& indices = outputs[*facts.indices];
  if (indices.dtype() != DType::i64 || indices.size() != static_cast<int64_t>(scores.values.size()))
    return invalid_model("{} as indices of the best classes", to_string(indices.type()));
  const auto best = indices.values<int64_t>();
  const int64_t classes =
      facts.classes.value_or(std::clamp<int64_t>(std::ranges::max(best), 0, tasks::kMaxLabels - 1) + 1);
  tasks::Scores all{scores.batch, classes, std::vector<float>(static_cast<size_t>(scores.batch * classes))};
  for (size_t i = 0; i < best.size(); ++i) {
    if (best[i] < 0 || best[i] >= classes) return invalid_model("class {} of {}", best[i], classes);
    const int64_t photo = static_cast<int64_t>(i) / scores.classes;
    all.values[static_cast<size_t>(photo * classes + best[i])] = scores.values[i];
  }
  return all;
}

}  // namespace

Classifier::Classifier(std::shared_ptr<backends::Engine> engine, tasks::Recipe recipe, image::Transform transform,
                       int64_t top_k, int64_t batch)
    : engine_(std::move(engine)),
      recipe_(std::move(recipe)),
      model_{transform, recipe_.facts.input},
      feeding_(model_),
      top_k_(top_k),
      batch_(batch) {}

Result<std::unique_ptr<Classifier>> Classifier::create(std::shared_ptr<backends::Engine> engine, tasks::Recipe recipe,
                                                       const ClassifierOptions& options) {
  const auto fixed = recipe.facts.input.batch;
  if (options.batch && *options.batch < 1) return invalid_argument("a batch of {} photos", *options.batch);
  if (options.batch && fixed && *options.batch != *fixed)
    return invalid_argument("--batch {}, but the model's batch is {}", *options.batch, *fixed)
        .with_fix("leave --batch out, or export the model with a dynamic batch");
  image::Transform transform = FOVEA_TRY(image::Transform::create(recipe.transform));
  const int64_t batch = fixed.value_or(options.batch.value_or(1));
  std::unique_ptr<Classifier> classifier(
      new Classifier(std::move(engine), std::move(recipe), transform, options.top_k, batch));
  FOVEA_TRY(classifier->feed_bytes_if_accepted());
  if (const auto classes = classifier->recipe_.facts.output.classes) FOVEA_TRY(classifier->settle_labels(*classes));
  return classifier;
}

/// The rows of a photo as they are resized, without a float tensor in between: the first layer looks them up.
Result<void> Classifier::feed_bytes_if_accepted() {
  if (model_.input.dtype != DType::f32) return {};
  image::TransformSpec spec = model_.transform.spec();
  if (!engine_->accept_photos(model_.transform.values(), spec.layout == image::Layout::nchw)) return {};
  spec.layout = image::Layout::nhwc;
  feeding_.transform = FOVEA_TRY(image::Transform::create(spec));
  feeding_.input.dtype = DType::u8;
  feeding_.input.layout = image::Layout::nhwc;
  return {};
}

bool Classifier::has_fixed_size() const {
  const auto& spec = recipe_.transform;
  return spec.crop_rule != image::CropRule::none || (spec.resize_rule == image::ResizeRule::exact && spec.divisor == 1);
}

Result<void> Classifier::settle_labels(int64_t classes) {
  const std::lock_guard lock(mutex_);
  if (classes_ == classes) return {};
  tasks::LabelChoice choice = FOVEA_TRY(tasks::choose_labels(recipe_.label_candidates, classes));
  classes_ = classes;
  labels_ = std::move(choice.labels);
  notes_.insert(notes_.end(), choice.notes.begin(), choice.notes.end());
  return {};
}

std::vector<std::string> Classifier::take_notes() {
  const std::lock_guard lock(mutex_);
  return std::exchange(notes_, {});
}

Result<std::vector<Prediction>> Classifier::rank(std::span<const float> scores, int64_t k) const {
  const auto best = FOVEA_TRY(tasks::classify_scores(scores, recipe_.facts.output.activation, k));
  std::vector<Prediction> predictions;
  const std::lock_guard lock(mutex_);
  for (const tasks::Ranked& one : best) {
    if (recipe_.facts.output.indices && one.probability == 0) break;  // one that the model did not choose
    predictions.push_back({one.index, tasks::label_or_index(labels_, one.index), one.probability});
  }
  return predictions;
}

Classifier::Work Classifier::load(const Photo& photo, int threads) const {
  Work work;
  work.answer.photo = &photo;
  auto loaded = load_photo(photo, feeding_.transform, feeding_.input, recipe_.apply_orientation, threads);
  if (!loaded.ok()) {
    work.answer.top = std::move(loaded).error();
    return work;
  }
  work.answer.ms.decode = loaded->decode_ms;
  work.answer.ms.preprocess = loaded->preprocess_ms;
  work.input = std::move(loaded->input);
  work.ready = true;
  return work;
}

Result<Tensor> Classifier::batch_of(std::span<Work*> group) const {
  const auto count = static_cast<int64_t>(group.size());
  Shape shape = group[0]->input.shape();
  shape[0] = recipe_.facts.input.batch.value_or(count);
  if (shape[0] == 1) return std::move(group[0]->input);
  // A model with a batch of its own gets it full: the places of photos that are missing hold zeros.
  Tensor batch = FOVEA_TRY(Tensor::allocate(group[0]->input.dtype(), std::move(shape)));
  auto* to = static_cast<std::byte*>(batch.mutable_view().data);
  for (Work* work : group) {
    const Stopwatch copying;
    std::memcpy(to, work->input.raw(), work->input.bytes());
    to += work->input.bytes();
    work->input = {};
    work->answer.ms.preprocess += copying.ms();
  }
  return batch;
}

Result<void> Classifier::run_group_or_fail(std::span<Work*> group) {
  const auto count = static_cast<int64_t>(group.size());
  const Tensor batch = FOVEA_TRY(batch_of(group));
  Stopwatch inferring;
  const std::vector<Tensor> outputs = FOVEA_TRY(engine_->run(std::span(&batch, 1)));
  const double infer_ms = inferring.ms() / static_cast<double>(count);
  Stopwatch settling;
  const tasks::Scores scores = FOVEA_TRY(scores_of(outputs, recipe_.facts.output));
  if (scores.batch < count)
    return unsupported("the model answered for {} photos, but got {}", scores.batch, count).with_fix("give --batch 1");
  FOVEA_TRY(settle_labels(scores.classes));
  const double settle_ms = settling.ms() / static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i) {
    Answer& answer = group[static_cast<size_t>(i)]->answer;
    Stopwatch ranking;
    answer.top = rank(scores.row(i), top_k_);
    if (!answer.top.ok()) answer.top = Error(answer.top.error()).at(answer.photo->name);
    answer.ms.infer = infer_ms;
    answer.ms.postprocess = settle_ms + ranking.ms();
  }
  return {};
}

void Classifier::run_group(std::span<Work*> group) {
  const auto outcome = run_group_or_fail(group);
  for (Work* work : group) {
    work->ready = false;
    if (outcome.ok()) continue;
    work->answer.model_failed = has_fixed_size();
    work->answer.top =
        work->answer.model_failed ? outcome.error() : Error(outcome.error()).at(work->answer.photo->name);
  }
}

void Classifier::classify(std::span<const Photo> photos, const std::function<bool(Answer&&)>& sink) {
  const auto size = static_cast<size_t>(batch_);
  const int threads = engine_->threads() > 1 && photos.size() > 1 ? engine_->threads() : 0;
  const int threads_a_photo = photos.size() == 1 ? engine_->threads() : 1;
  const auto no_memory = [&](size_t i) {
    Work work;
    work.answer.photo = &photos[i];
    work.answer.top = out_of_memory("there is not enough memory to decode this photo").at(photos[i].name);
    return work;
  };
  Prefetch<Work> loads(
      photos.size(), size + static_cast<size_t>(threads), threads,
      [&](size_t i) { return load(photos[i], threads_a_photo); }, no_memory);
  for (size_t begin = 0; begin < photos.size(); begin += size) {
    std::vector<Work> batch;
    while (batch.size() < std::min(size, photos.size() - begin)) batch.push_back(loads.next());
    // Only photos of one size can run together; with a crop all have it.
    for (size_t i = 0; i < batch.size(); ++i) {
      if (!batch[i].ready) continue;
      std::vector<Work*> group;
      for (size_t j = i; j < batch.size(); ++j)
        if (batch[j].ready && batch[j].input.shape() == batch[i].input.shape()) group.push_back(&batch[j]);
      run_group(group);
    }
    for (Work& work : batch)
      if (!sink(std::move(work.answer))) return;
  }
}

Result<Tensor> Classifier::preprocess(image::ImageView photo) const { return preprocess(photo, model_); }

Result<Tensor> Classifier::preprocess(image::ImageView photo, const Feeding& feeding) const {
  const image::Transform& transform = feeding.transform;
  const image::Size size = FOVEA_TRY(transform.output_size(photo.size()));
  Tensor batch = FOVEA_TRY(tasks::allocate_input(feeding.input, feeding.input.batch.value_or(1), size));
  auto rows = FOVEA_TRY(tasks::InputRows::create(transform, batch.mutable_view(), 0, size));
  FOVEA_TRY(transform.rows(*image::PhotoReader::of(photo), 0, size.height,
                           [&rows](int64_t y, const uint8_t* rgb) { rows.write(y, rgb); }));
  return batch;
}

Result<std::vector<Prediction>> Classifier::classify(image::ImageView photo, int64_t k) {
  const Tensor batch = FOVEA_TRY(preprocess(photo, feeding_));
  const std::vector<Tensor> outputs = FOVEA_TRY(engine_->run(std::span(&batch, 1)));
  const tasks::Scores scores = FOVEA_TRY(scores_of(outputs, recipe_.facts.output));
  FOVEA_TRY(settle_labels(scores.classes));
  return rank(scores.row(0), k);
}

}  // namespace fovea::pipeline
