#include "pipeline/load_photo.h"

#include <algorithm>

#include "base/error.h"
#include "image/photo_parts.h"
#include "pipeline/stopwatch.h"
#include "tasks/model_input.h"

namespace fovea::pipeline {
namespace {

/// Another reader, and how long it takes.
class TimedReader : public image::PhotoReader {
 public:
  TimedReader(image::PhotoReader& reader, double& ms) : reader_(reader), ms_(ms) {}

  image::Size size() const override { return reader_.size(); }
  bool can_scale() const override { return reader_.can_scale(); }
  image::Frame frame_at(int divisor) const override { return reader_.frame_at(divisor); }
  image::Frame frame() const override { return reader_.frame(); }
  int64_t first_column() const override { return reader_.first_column(); }
  Result<void> start(int divisor, const image::Rect& wanted) override {
    return timed([&] { return reader_.start(divisor, wanted); });
  }
  Result<void> read(int64_t y, int64_t count, const uint8_t** rows) override {
    return timed([&] { return reader_.read(y, count, rows); });
  }
  Result<void> finish() override {
    return timed([&] { return reader_.finish(); });
  }
  Result<std::unique_ptr<PhotoReader>> another() const override { return reader_.another(); }

 private:
  template <class Step>
  Result<void> timed(Step step) {
    const Stopwatch watch;
    auto outcome = step();
    ms_ += watch.ms();
    return outcome;
  }

  image::PhotoReader& reader_;
  double& ms_;
};

}  // namespace

Result<LoadedPhoto> load_photo(const Photo& photo, const image::Transform& transform, const tasks::InputFacts& input,
                               bool apply_orientation, int threads) {
  const Stopwatch whole;
  const OpenPhoto open = FOVEA_TRY(open_photo(photo, {.apply_orientation = apply_orientation}));
  const double opened_ms = whole.ms();
  LoadedPhoto loaded;
  const image::Size size = FOVEA_TRY_AT(photo.name, transform.output_size(open.reader->size()));
  loaded.input = FOVEA_TRY_AT(photo.name, tasks::allocate_input(input, 1, size));
  struct Times {
    double decode_ms = 0, all_ms = 0;
  };
  std::vector<Times> times(static_cast<size_t>(std::max(threads, 1)));
  FOVEA_TRY_AT(photo.name,
               image::work_by_parts(
                   transform, *open.reader, threads,
                   [&](size_t part, image::PhotoReader& source, int64_t begin, int64_t end) -> Result<void> {
                     const Stopwatch watch;
                     TimedReader reader(source, times[part].decode_ms);
                     auto rows = FOVEA_TRY(tasks::InputRows::create(transform, loaded.input.mutable_view(), 0, size));
                     FOVEA_TRY(transform.rows(reader, begin, end,
                                              [&rows](int64_t y, const uint8_t* rgb) { rows.write(y, rgb); }));
                     times[part].all_ms = watch.ms();
                     return {};
                   }));
  Times sum;
  for (const Times& one : times) sum.decode_ms += one.decode_ms, sum.all_ms += one.all_ms;
  const double rest_ms = whole.ms() - opened_ms;
  loaded.decode_ms = opened_ms + (sum.all_ms > 0 ? rest_ms * sum.decode_ms / sum.all_ms : 0);
  loaded.preprocess_ms = whole.ms() - loaded.decode_ms;
  return loaded;
}

}  // namespace fovea::pipeline
