#include "pipeline/load_photo.h"

#include "base/error.h"
#include "pipeline/stopwatch.h"

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

Result<LoadedPhoto> load_photo(const Photo& photo, const image::Transform& transform, bool apply_orientation) {
  const Stopwatch whole;
  const OpenPhoto open = FOVEA_TRY(open_photo(photo, {.apply_orientation = apply_orientation}));
  LoadedPhoto loaded;
  loaded.decode_ms = whole.ms();
  TimedReader reader(*open.reader, loaded.decode_ms);
  loaded.pixels = FOVEA_TRY_AT(photo.name, transform.pixels(reader));
  loaded.preprocess_ms = whole.ms() - loaded.decode_ms;
  return loaded;
}

}  // namespace fovea::pipeline
