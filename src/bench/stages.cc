#include "bench/stages.h"

#include "base/error.h"
#include "bench/statistics.h"
#include "onnx/read.h"
#include "pipeline/classifier.h"
#include "tasks/model_facts.h"
#include "tasks/read_recipe.h"

namespace fovea::bench {
namespace {

Result<tasks::Recipe> recipe_of(const std::filesystem::path& model) {
  const Graph graph = FOVEA_TRY(onnx::read_model(model));
  const tasks::ModelFacts facts = FOVEA_TRY_AT(model.string(), tasks::examine(graph));
  const auto sources = FOVEA_TRY(tasks::find_sources(model, graph.metadata, std::nullopt));
  return tasks::resolve_recipe({}, sources, facts);
}

struct StageTimes {
  std::vector<double> decode, preprocess, infer, postprocess;
};

/// One run of the batch; the mean over its photos is added to `times`.
Result<void> time_once(pipeline::Classifier& classifier, std::span<const pipeline::Photo> photos, StageTimes& times) {
  pipeline::StageTimes sum;
  Result<void> outcome;
  classifier.classify(photos, [&](pipeline::Answer&& answer) {
    if (!answer.top.ok()) outcome = answer.top.error();
    sum.decode += answer.ms.decode;
    sum.preprocess += answer.ms.preprocess;
    sum.infer += answer.ms.infer;
    sum.postprocess += answer.ms.postprocess;
    return outcome.ok();
  });
  FOVEA_TRY(std::move(outcome));
  const auto count = static_cast<double>(photos.size());
  times.decode.push_back(sum.decode / count);
  times.preprocess.push_back(sum.preprocess / count);
  times.infer.push_back(sum.infer / count);
  times.postprocess.push_back(sum.postprocess / count);
  return {};
}

}  // namespace

Result<std::vector<Stages>> time_stages(std::shared_ptr<backends::Engine> engine, const std::filesystem::path& model,
                                        int64_t batch, const StagesRequest& request) {
  auto recipe = FOVEA_TRY(recipe_of(model));
  recipe.transform.mode = FOVEA_TRY(image::parse_resize_mode(request.resize));
  const auto classifier =
      FOVEA_TRY(pipeline::Classifier::create(std::move(engine), std::move(recipe), {.batch = batch}));
  std::vector<Stages> result;
  for (const std::string& photo : request.photos) {
    const std::vector<pipeline::Photo> photos(static_cast<size_t>(batch), pipeline::Photo{photo, nullptr});
    StageTimes warming, times;
    FOVEA_TRY(time_once(*classifier, photos, warming));
    for (int i = 0; i < request.runs; ++i) FOVEA_TRY(time_once(*classifier, photos, times));
    Stages stages;
    stages.photo = std::filesystem::path(photo).filename().string();
    stages.decode = median(times.decode);
    stages.preprocess = median(times.preprocess);
    stages.infer = median(times.infer);
    stages.postprocess = median(times.postprocess);
    result.push_back(std::move(stages));
  }
  return result;
}

}  // namespace fovea::bench
