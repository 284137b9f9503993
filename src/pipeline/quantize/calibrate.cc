#include "pipeline/quantize/calibrate.h"

#include <atomic>

#include "base/error.h"
#include "base/thread_pool.h"
#include "pipeline/quantize/calibration_state.h"
#include "pipeline/quantize/taps.h"
#include "pipeline/stopwatch.h"

namespace fovea::pipeline {
namespace {

constexpr double kSaveEveryMs = 30'000;

class Calibrator {
 public:
  Calibrator(const Graph& graph, const quantize::Selection& selection, const InputReader& reader,
             std::span<const Photo> photos, const CalibrationOptions& options)
      : graph_(graph), reader_(reader), photos_(photos), options_(options) {
    for (const auto& [value, stored] : selection.values) {
      values_.push_back(value);
      result_.observers[value];
    }
    if (options.channel_means)
      for (const quantize::IntegerNode& node : selection.nodes)
        if (node.weighted())  // the channels that a convolution sums over are axis 1, those of a product the last
          result_.observers[graph.node(node.node).inputs[0]].channel_axis = graph.node(node.node).is("Conv") ? 1 : -1;
    state_.fingerprint = fingerprint_of(graph, selection, reader, photos, options);
  }

  Result<Calibration> run() {
    if (options_.resume) FOVEA_TRY(take_state());
    auto first = first_readable();
    if (!first.ok()) return std::move(first).error();
    const auto groups = tap_groups(graph_, values_, *first, options_.most_tap_bytes);
    total_ = static_cast<int64_t>(groups.size() * photos_.size());
    if (state_.group > groups.size()) return damaged_state();
    for (size_t g = state_.group; g < groups.size(); ++g) {
      FOVEA_TRY(run_group(g, groups[g]));
      if (result_.stopped) {
        name_unreadable();
        return std::move(result_);
      }
      state_.group = g + 1;
      state_.photo = 0;
    }
    result_.photos = static_cast<int64_t>(photos_.size() - state_.unreadable.size());
    name_unreadable();
    std::error_code ignored;
    if (options_.keep_state)
      FOVEA_TRY(save_state());
    else if (!options_.state.empty())
      std::filesystem::remove(options_.state, ignored);
    return std::move(result_);
  }

 private:
  Result<void> take_state() {
    state_ = FOVEA_TRY(read_state(options_.state, state_.fingerprint));
    const bool fits = state_.observers.size() == values_.size() && state_.photo <= photos_.size() &&
                      (state_.unreadable.empty() || state_.unreadable.rbegin()->first < photos_.size());
    if (!fits) return damaged_state();
    for (size_t i = 0; i < values_.size(); ++i) {
      // What is to be observed is this run's to say.
      state_.observers[i].channel_axis = result_.observers[values_[i]].channel_axis;
      result_.observers[values_[i]] = std::move(state_.observers[i]);
    }
    state_.observers.clear();
    return {};
  }

  Error damaged_state() const {
    return invalid_argument("this is no state of a calibration")
        .at(options_.state.string())
        .with_fix("calibrate anew, without --resume");
  }

  Result<void> save_state() {
    if (options_.state.empty()) return {};
    for (const ValueId value : values_) state_.observers.push_back(result_.observers[value]);
    const auto written = write_state(state_, options_.state);
    state_.observers.clear();
    saved_.emplace();
    return written;
  }

  Result<TensorType> first_readable() const {
    std::optional<Error> error;
    for (const Photo& photo : photos_) {
      auto input = reader_.read(std::span(&photo, 1));
      if (input.ok()) return input->type();
      if (!error) error = std::move(input).error();
    }
    if (error) return *error;
    return invalid_argument("there are no photos to calibrate with").with_fix("give a folder with photos");
  }

  Result<void> run_group(size_t group, const std::vector<ValueId>& values) {
    const auto engine = FOVEA_TRY(engine_with_taps(graph_, values, options_.threads));
    if (!pool_) pool_ = std::make_unique<ThreadPool>(engine->threads());
    std::vector<Photo> batch;
    if (!saved_) saved_.emplace();
    for (size_t i = state_.photo; i < photos_.size(); ++i) {
      auto input = reader_.read(std::span(&photos_[i], 1));
      if (!input.ok()) {
        state_.unreadable.try_emplace(i, std::move(input).error());
      } else if (reader_.batch() > 1) {
        batch.push_back(photos_[i]);
      }
      const bool last = i + 1 == photos_.size();
      if (reader_.batch() == 1) {
        if (input.ok()) FOVEA_TRY(observe(*engine, values, *input));
      } else if (!batch.empty() && (last || static_cast<int64_t>(batch.size()) == reader_.batch())) {
        FOVEA_TRY(observe(*engine, values, FOVEA_TRY(reader_.read(batch))));
        batch.clear();
      }
      if (options_.progress) options_.progress(static_cast<int64_t>(group * photos_.size() + i + 1), total_);
      if (!batch.empty()) continue;  // a state is taken between runs
      state_.photo = i + 1;
      const bool stops = !last && options_.stop && options_.stop();
      if (stops || saved_->ms() > kSaveEveryMs) FOVEA_TRY(save_state());
      if (stops) {
        result_.stopped = true;
        return {};
      }
    }
    return {};
  }

  void name_unreadable() {
    for (const auto& [place, error] : state_.unreadable) result_.unreadable.push_back(error);
  }

  Result<void> observe(cpu::Engine& engine, const std::vector<ValueId>& values, const Tensor& input) {
    const std::vector<Tensor> tensors = FOVEA_TRY(engine.run(std::span(&input, 1)));
    std::vector<quantize::Observer*> observers;
    for (const ValueId value : values) observers.push_back(&result_.observers[value]);
    // One value after the other to whoever is free: their sizes differ much.
    std::atomic<size_t> next{0};
    pool_->parallel_for(pool_->size(), 1, [&](int64_t, int64_t, int) {
      for (size_t i = next++; i < tensors.size(); i = next++) observers[i]->observe(tensors[i].view());
    });
    return {};
  }

  const Graph& graph_;
  const InputReader& reader_;
  std::span<const Photo> photos_;
  const CalibrationOptions& options_;
  std::vector<ValueId> values_;
  Calibration result_;
  CalibrationState state_;
  std::unique_ptr<ThreadPool> pool_;
  std::optional<Stopwatch> saved_;
  int64_t total_ = 0;
};

}  // namespace

Result<Calibration> calibrate(const Graph& graph, const quantize::Selection& selection, const InputReader& reader,
                              std::span<const Photo> photos, const CalibrationOptions& options) {
  return Calibrator(graph, selection, reader, photos, options).run();
}

}  // namespace fovea::pipeline
