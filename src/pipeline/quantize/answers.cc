#include "pipeline/quantize/answers.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "pipeline/stopwatch.h"
#include "tasks/classification.h"

namespace fovea::pipeline {
namespace {

constexpr size_t kMostKept = size_t{1} << 30;

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

/// Indices of the best classes of the first photo of a batch, the best first; empty for what is no classifier's output.
std::vector<int64_t> best_classes(std::span<const Tensor> outputs, const tasks::OutputFacts& facts, int64_t k) {
  if (facts.indices || facts.index >= outputs.size()) return {};
  const auto scores = tasks::scores_of(outputs[facts.index]);
  if (!scores.ok() || scores->classes < 2 || scores->batch < 1) return {};
  const auto row = scores->row(0);
  std::vector<int64_t> best;
  for (const tasks::Ranked& one : tasks::top_k(std::vector<double>(row.begin(), row.end()), k))
    best.push_back(one.index);
  return best;
}

struct Power {
  double signal = 0, noise = 0;
  void add(const Tensor& exact, const Tensor& other) {
    if (exact.dtype() != DType::f32 || other.type() != exact.type()) return;
    for (int64_t i = 0; i < exact.size(); ++i) {
      const double x = exact.data<float>()[i], y = other.data<float>()[i];
      if (!std::isfinite(x)) continue;
      signal += x * x;
      noise += (x - y) * (x - y);
    }
  }
  double db() const { return noise == 0 ? 200 : signal == 0 ? 0 : std::min(200.0, 10 * std::log10(signal / noise)); }
};

Error stopped() { return unavailable("stopped"); }

}  // namespace

Result<std::vector<Reference>> float_answers(cpu::Engine& engine, const InputReader& reader,
                                             std::span<const Photo> photos, double* ms,
                                             const std::function<bool()>& step) {
  std::vector<Reference> references;
  std::vector<double> times;
  size_t bytes = 0;
  for (const Photo& photo : photos) {
    if (step && !step()) return stopped();
    const auto input = reader.read(std::span(&photo, 1));
    if (!input.ok() || bytes > kMostKept) continue;
    Stopwatch watch;
    Reference reference;
    reference.photo = &photo;
    reference.outputs = FOVEA_TRY(engine.run(std::span(&*input, 1)));
    times.push_back(watch.ms());
    for (const Tensor& output : reference.outputs) bytes += output.bytes();
    references.push_back(std::move(reference));
  }
  if (ms) *ms = median(std::move(times));
  return references;
}

Result<Answers> compare_answers(cpu::Engine& engine, const InputReader& reader, std::span<const Reference> references,
                                const std::optional<FolderClasses>& classes, const std::function<bool()>& step) {
  const tasks::OutputFacts& facts = reader.recipe().facts.output;
  Answers answers;
  Power power;
  std::vector<double> times;
  int64_t classified = 0, same = 0, among_five = 0, labelled = 0, float_right = 0, right = 0;
  for (const Reference& reference : references) {
    if (step && !step()) return stopped();
    const Tensor input = FOVEA_TRY(reader.read(std::span(reference.photo, 1)));
    Stopwatch watch;
    const std::vector<Tensor> outputs = FOVEA_TRY(engine.run(std::span(&input, 1)));
    times.push_back(watch.ms());
    ++answers.photos;
    for (size_t i = 0; i < outputs.size(); ++i) power.add(reference.outputs[i], outputs[i]);
    const auto exact = best_classes(reference.outputs, facts, 1), got = best_classes(outputs, facts, 5);
    if (exact.empty() || got.empty()) continue;
    ++classified;
    same += got[0] == exact[0] ? 1 : 0;
    among_five += std::ranges::find(got, exact[0]) != got.end() ? 1 : 0;
    const auto truth = classes ? classes->of(*reference.photo) : std::nullopt;
    if (!truth) continue;
    ++labelled;
    float_right += exact[0] == *truth ? 1 : 0;
    right += got[0] == *truth ? 1 : 0;
  }
  answers.sqnr_db = power.db();
  answers.ms = median(std::move(times));
  const auto share = [](int64_t part, int64_t whole) { return static_cast<double>(part) / static_cast<double>(whole); };
  if (classified > 0) {
    answers.top1_agreement = share(same, classified);
    answers.top5_agreement = share(among_five, classified);
  }
  if (labelled > 0) {
    answers.float_accuracy = share(float_right, labelled);
    answers.accuracy = share(right, labelled);
  }
  return answers;
}

std::optional<double> drop_of(const Answers& answers) {
  if (answers.accuracy) return 100 * (*answers.float_accuracy - *answers.accuracy);
  if (answers.top1_agreement) return 100 * (1 - *answers.top1_agreement);
  return std::nullopt;
}

}  // namespace fovea::pipeline
