#include "pipeline/quantize/calibrate.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text_file.h"
#include "onnx/read.h"
#include "pipeline/photos.h"
#include "pipeline/quantize/calibration_state.h"
#include "pipeline/quantize/layer_errors.h"
#include "pipeline/quantize/taps.h"
#include "pipeline/quantize/trade.h"
#include "quantize/prepare.h"
#include "tasks/read_recipe.h"

namespace fovea::pipeline {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string kModels = FOVEA_SOURCE_DIR "/models/";

class CalibrateTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("calibrate-" + std::to_string(getpid()));
    fs::create_directories(folder_);
    const Graph model = *onnx::read_model(kModels + "demo.onnx");
    const auto facts = *tasks::examine(model);
    const auto sources = *tasks::find_sources(kModels + "demo.onnx", model.metadata, std::nullopt);
    reader_.emplace(*InputReader::create(*tasks::resolve_recipe({}, sources, facts)));
    tasks::Settings flags;
    flags.resize_mode = image::ResizeMode::scaled;
    scaled_.emplace(*InputReader::create(*tasks::resolve_recipe(flags, sources, facts)));
    graph_ = *quantize::prepare(model);
    selection_ = quantize::select(graph_, {});
    for (const char* name : {"coffee.jpg", "cat.png", "clock.png", "rocket.jpg"})
      photos_.push_back({kModels + "photos/" + name, nullptr});
  }
  void TearDown() override { fs::remove_all(folder_); }

  Calibration calibrated(const CalibrationOptions& options, std::span<const Photo> photos) {
    auto result = calibrate(graph_, selection_, *reader_, photos, options);
    EXPECT_TRUE(result.ok()) << result.error().to_string();
    return result.ok() ? std::move(result).value() : Calibration();
  }

  fs::path folder_;
  std::optional<InputReader> reader_, scaled_;
  Graph graph_;
  quantize::Selection selection_;
  std::vector<Photo> photos_;
};

void expect_same(const Calibration& a, const Calibration& b) {
  ASSERT_EQ(a.observers.size(), b.observers.size());
  for (const auto& [value, observer] : a.observers)
    EXPECT_EQ(quantize::to_json(observer), quantize::to_json(b.observers.at(value)));
}

TEST_F(CalibrateTest, ObservesWhatTheModelComputes) {
  const Calibration calibration = calibrated({.threads = 1}, photos_);
  EXPECT_EQ(calibration.photos, 4);
  EXPECT_EQ(calibration.observers.size(), selection_.values.size());
  // The input, computed here.
  const ValueId input = graph_.inputs[0];
  float low = 1e9f, high = -1e9f;
  for (const Photo& photo : photos_) {
    const Tensor tensor = *reader_->read(std::span(&photo, 1));
    for (const float v : tensor.values<float>()) {
      low = std::min(low, v);
      high = std::max(high, v);
    }
  }
  EXPECT_EQ(calibration.observers.at(input).low, low);
  EXPECT_EQ(calibration.observers.at(input).high, high);
  for (const auto& [value, observer] : calibration.observers) EXPECT_EQ(observer.photos, 4u);
}

TEST_F(CalibrateTest, ReadsPhotosAsClassifyDoes) {
  const Photo photo{kModels + "photos/retina.jpg", nullptr};
  std::vector<std::vector<float>> inputs;
  for (const InputReader* reader : {&*reader_, &*scaled_}) {
    const Tensor input = *reader->read(std::span(&photo, 1));
    const auto transform = *image::Transform::create(reader->recipe().transform);
    const OpenPhoto open = *open_photo(photo, {});
    const image::Image pixels = *transform.pixels(*open.reader);
    Tensor expected = *Tensor::allocate(DType::f32, input.shape());
    ASSERT_TRUE(transform.normalize(pixels.view(), expected.mutable_view()).ok());
    const auto values = input.values<float>(), wanted = expected.values<float>();
    inputs.emplace_back(values.begin(), values.end());
    EXPECT_EQ(inputs.back(), std::vector<float>(wanted.begin(), wanted.end()));
  }
  EXPECT_NE(inputs[0], inputs[1]);
  // Not merely resized without rounding in between: decoded at a fraction.
  const auto transform = *image::Transform::create(scaled_->recipe().transform);
  const image::Image whole = *transform.pixels((*decode_photo(photo, {})).view());
  Tensor other = *Tensor::allocate(DType::f32, {1, 3, whole.height(), whole.width()});
  ASSERT_TRUE(transform.normalize(whole.view(), other.mutable_view()).ok());
  const auto values = other.values<float>();
  EXPECT_NE(inputs[1], std::vector<float>(values.begin(), values.end()));
}

TEST_F(CalibrateTest, LittleMemoryAndThreadsChangeNothing) {
  const Calibration whole = calibrated({.threads = 2}, photos_);
  const auto groups = tap_groups(graph_, std::vector<ValueId>{selection_.values.begin()->first, graph_.inputs[0]},
                                 reader_->read(std::span(&photos_[0], 1))->type(), 1);
  EXPECT_EQ(groups.size(), 2u);
  // Which values are outputs decides which nodes the engine fuses: results may differ in the last bits.
  const Calibration parts = calibrated({.threads = 1, .most_tap_bytes = 1 << 20}, photos_);
  for (const auto& [value, observer] : whole.observers) {
    const float reach = std::max(observer.high, -observer.low);
    EXPECT_NEAR(parts.observers.at(value).high, observer.high, 1e-4f * reach);
    EXPECT_EQ(parts.observers.at(value).values, observer.values);
  }
}

TEST_F(CalibrateTest, AStoppedCalibrationGoesOnAsIfNothingHadHappened) {
  CalibrationOptions options{.threads = 1, .channel_means = true};
  const Calibration whole = calibrated(options, photos_);
  options.state = folder_ / "state";
  int64_t seen = 0;
  options.progress = [&](int64_t done, int64_t total) {
    seen = done;
    EXPECT_EQ(total, 4);
  };
  options.stop = [&] { return seen == 2; };
  EXPECT_TRUE(calibrated(options, photos_).stopped);
  EXPECT_TRUE(fs::exists(options.state));
  options.resume = true;
  options.stop = {};
  expect_same(calibrated(options, photos_), whole);
  EXPECT_FALSE(fs::exists(options.state));
}

TEST_F(CalibrateTest, AKeptStateGivesTheSameWithoutThePhotos) {
  CalibrationOptions options{.threads = 1, .state = folder_ / "state", .keep_state = true};
  const Calibration whole = calibrated(options, photos_);
  ASSERT_TRUE(fs::exists(options.state));
  options.resume = true;
  options.progress = [](int64_t, int64_t) { ADD_FAILURE() << "a photo was looked at again"; };
  expect_same(calibrated(options, photos_), whole);
  EXPECT_TRUE(fs::exists(options.state));
}

TEST_F(CalibrateTest, AStateOfSomethingElseIsRefused) {
  CalibrationOptions options{.threads = 1};
  options.state = folder_ / "state";
  options.stop = [] { return true; };
  EXPECT_TRUE(calibrated(options, photos_).stopped);
  options.resume = true;
  const auto other = calibrate(graph_, selection_, *reader_, std::span(photos_).first(3), options);
  ASSERT_FALSE(other.ok());
  EXPECT_THAT(other.error().message, HasSubstr("another calibration"));
  // Other groups of values, and more figures of them.
  CalibrationOptions means = options, groups = options;
  means.channel_means = true;
  groups.most_tap_bytes = 1 << 20;
  for (const CalibrationOptions* differs : {&means, &groups}) {
    const auto refused = calibrate(graph_, selection_, *reader_, photos_, *differs);
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().message, HasSubstr("another calibration"));
  }
  // A model that differs in an attribute alone, or at the end of a weight alone.
  Graph attribute = graph_, weight = graph_;
  for (const NodeId id : graph_.order()) {
    if (!graph_.node(id).is("Conv")) continue;
    attribute.set_attribute(id, "note", int64_t{1});
    Tensor changed = *Tensor::allocate(DType::f32, graph_.constant(graph_.node(id).inputs[1])->shape());
    std::ranges::copy(graph_.constant(graph_.node(id).inputs[1])->values<float>(), changed.mutable_view().as<float>());
    changed.mutable_view().as<float>()[changed.size() - 1] += 1;
    weight.set_constant(graph_.node(id).inputs[1], changed);
    break;
  }
  const uint64_t same = fingerprint_of(graph_, selection_, *reader_, photos_, options);
  EXPECT_EQ(fingerprint_of(Graph(graph_), selection_, *reader_, photos_, options), same);
  EXPECT_NE(fingerprint_of(attribute, selection_, *reader_, photos_, options), same);
  EXPECT_NE(fingerprint_of(weight, selection_, *reader_, photos_, options), same);
}

TEST_F(CalibrateTest, APhotoOfAnotherSizeIsAnotherPhoto) {
  const std::vector<Photo> photos = {{(folder_ / "a.jpg").string(), nullptr}};
  std::ofstream(photos[0].name) << "one";
  const uint64_t before = fingerprint_of(graph_, selection_, *reader_, photos, {});
  std::ofstream(photos[0].name) << "three";
  EXPECT_NE(fingerprint_of(graph_, selection_, *reader_, photos, {}), before);
}

TEST_F(CalibrateTest, ADamagedStateIsRefusedNotBelieved) {
  CalibrationState state;
  state.fingerprint = 7;
  state.unreadable[2] = invalid_image("no photo").at("b.jpg").with_fix("mend it");
  state.observers.resize(2);
  const Tensor some = Tensor::of<float>({1, 2, 2}, {-1, 2, 0, 3});
  state.observers[1].channel_axis = 1;
  state.observers[1].observe(some.view());
  const fs::path path = folder_ / "state";
  ASSERT_TRUE(write_state(state, path).ok());
  const std::string good = *read_text_file(path);
  const auto again = read_state(path, 7);
  ASSERT_TRUE(again.ok()) << again.error().to_string();
  EXPECT_EQ(again->unreadable.at(2).to_string(), state.unreadable.at(2).to_string());
  EXPECT_EQ(quantize::to_json(again->observers[1]), quantize::to_json(state.observers[1]));
  const auto read = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
    return read_state(path, 7);
  };
  constexpr std::array<char, 5> kDamage = {'\x00', '\x7f', '\xff', '9', '['};
  for (size_t i = 0; i + 2 < good.size(); ++i) {
    if (i % 7 == 0) {
      EXPECT_FALSE(read(good.substr(0, i)).ok()) << i;
    }
    std::string bad = good;
    bad[i] = kDamage[i % kDamage.size()];
    (void)read(bad).ok();  // it may be a good one, with another number
  }
  // An array of 2^60 elements in CBOR, as an earlier form of states had it; lists in lists.
  const std::string header("\x9b\x10\0\0\0\0\0\0\0", 9);
  for (const std::string& bytes : {std::string(), std::string("nonsense"), header, std::string(1'000'000, '[')}) {
    const auto damaged = read(bytes);
    ASSERT_FALSE(damaged.ok());
    EXPECT_THAT(damaged.error().to_string(), HasSubstr("without --resume"));
  }
}

TEST_F(CalibrateTest, AStateThatFitsNoPlaceIsRefused) {
  CalibrationOptions options{.threads = 1, .state = folder_ / "state", .resume = true};
  CalibrationState good;
  good.fingerprint = fingerprint_of(graph_, selection_, *reader_, photos_, options);
  good.observers.resize(selection_.values.size());
  CalibrationState group = good, photo = good, unreadable = good, observers = good;
  group.group = 1000;
  photo.photo = 1000;
  unreadable.unreadable[1000] = invalid_image("no photo");
  observers.observers.pop_back();
  for (const CalibrationState* state : {&group, &photo, &unreadable, &observers}) {
    ASSERT_TRUE(write_state(*state, options.state).ok());
    const auto refused = calibrate(graph_, selection_, *reader_, photos_, options);
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().to_string(), HasSubstr("without --resume"));
  }
}

TEST_F(CalibrateTest, PhotosThatCouldNotBeReadBeforeTheStopAreNamedAfterIt) {
  std::ofstream(folder_ / "broken.jpg") << "no photo";
  std::vector<Photo> photos = photos_;
  photos.insert(photos.begin(), {(folder_ / "broken.jpg").string(), nullptr});
  CalibrationOptions options{.threads = 1, .state = folder_ / "state"};
  int64_t seen = 0;
  options.progress = [&](int64_t done, int64_t) { seen = done; };
  options.stop = [&] { return seen == 3; };
  EXPECT_TRUE(calibrated(options, photos).stopped);
  options.resume = true;
  options.stop = {};
  const Calibration calibration = calibrated(options, photos);
  EXPECT_EQ(calibration.photos, 4);
  ASSERT_EQ(calibration.unreadable.size(), 1u);
  EXPECT_THAT(calibration.unreadable[0].to_string(), HasSubstr("broken.jpg"));
}

TEST_F(CalibrateTest, PhotosThatCannotBeReadAreNamedAndLeftOut) {
  std::ofstream(folder_ / "broken.jpg") << "no photo";
  std::vector<Photo> photos = photos_;
  photos.insert(photos.begin(), {(folder_ / "broken.jpg").string(), nullptr});
  const Calibration calibration = calibrated({.threads = 1}, photos);
  EXPECT_EQ(calibration.photos, 4);
  ASSERT_EQ(calibration.unreadable.size(), 1u);
  EXPECT_THAT(calibration.unreadable[0].to_string(), HasSubstr("broken.jpg"));
  const auto none = calibrate(graph_, selection_, *reader_, std::span(photos).first(1), {.threads = 1});
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(none.error().to_string(), HasSubstr("broken.jpg"));
}

TEST_F(CalibrateTest, TheInt8ModelIsCloseAndItsErrorsAreKnown) {
  Quantizer quantizer;
  quantizer.graph = graph_;
  quantizer.ranges = ranges_of(calibrated({.threads = 1}, photos_), {.method = quantize::Method::minmax});
  const auto model = quantizer.build({});
  ASSERT_TRUE(model.ok()) << model.error().to_string();
  const auto errors =
      layer_errors(graph_, model->graph, model->scales, *reader_, std::span(photos_).first(2), 1 << 22, 1, {});
  ASSERT_TRUE(errors.ok()) << errors.error().to_string();
  ASSERT_EQ(errors->size(), model->scales.parameters.size());
  for (const LayerError& error : *errors) {
    EXPECT_GT(error.own_db, 25) << error.value;  // 8 bits: 6 dB each, less the distribution's tails
    EXPECT_GT(error.total_db, 15) << error.value;
    EXPECT_LE(error.total_db, error.own_db + 1) << error.value;
  }
  int runs = 0;
  const auto stopped = layer_errors(graph_, model->graph, model->scales, *reader_, std::span(photos_).first(2), 1 << 22,
                                    1, [&] { return ++runs < 2; });
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, ErrorCode::unavailable);
  EXPECT_EQ(runs, 2);
  // The layer that hurts most is kept first; with all in float nothing is lost.
  const auto engine = cpu::Engine::compile(std::make_shared<Graph>(graph_), {.threads = 1});
  const auto references = float_answers(**engine, *reader_, photos_, nullptr, {});
  const auto sensitive = sensitivities(quantizer, *reader_, std::span(*references).first(1), {.threads = 1}, {});
  ASSERT_TRUE(sensitive.ok());
  EXPECT_EQ(sensitive->size(), quantizer.layers().size());
  EXPECT_LE(sensitive->front().sqnr_db, sensitive->back().sqnr_db);
  const std::vector<std::string> layers = quantizer.layers();
  const auto all = quantizer.build({layers.begin(), layers.end()});
  EXPECT_TRUE(all->weights.empty());
  const auto trade_off = trade(quantizer, *sensitive, 0, *reader_, *references, std::nullopt, {.threads = 1}, {});
  ASSERT_TRUE(trade_off.ok());
  EXPECT_TRUE(trade_off->met);
  EXPECT_EQ(trade_off->kept.size(), static_cast<size_t>(trade_off->rows.front().kept));
  const auto unreachable =
      trade(quantizer, *sensitive, -1, *reader_, std::span(*references).first(1), std::nullopt, {.threads = 1}, {});
  EXPECT_FALSE(unreachable->met);
  EXPECT_EQ(unreachable->kept.size(), sensitive->size());
}

TEST(PhotoSplit, IsReproducibleAndKeepsTheParts) {
  std::vector<Photo> photos;
  for (int i = 0; i < 100; ++i) photos.push_back({std::to_string(i), nullptr});
  const auto names = [](const std::vector<Photo>& part) {
    std::vector<std::string> list;
    for (const Photo& photo : part) list.push_back(photo.name);
    return list;
  };
  const PhotoSplit a = split_photos(photos, *parse_amount("30%"), *parse_amount("20"), 7),
                   b = split_photos(photos, *parse_amount("30"), *parse_amount("20%"), 7),
                   c = split_photos(photos, *parse_amount("30"), *parse_amount("20%"), 8);
  EXPECT_EQ(a.calibration.size(), 30u);
  EXPECT_EQ(a.held_back.size(), 20u);
  EXPECT_EQ(names(a.calibration), names(b.calibration));
  EXPECT_NE(names(a.calibration), names(c.calibration));
  for (const std::string& name : names(a.held_back))
    EXPECT_THAT(names(a.calibration), testing::Not(testing::Contains(name)));
  EXPECT_EQ(split_photos(photos, *parse_amount("500"), *parse_amount("100%"), 0).calibration.size(), 1u);
  EXPECT_EQ(names(split_photos(photos, *parse_amount("2"), *parse_amount("0"), 0).calibration).size(), 2u);
  for (const char* wrong : {"", "x", "-1", "101%", "5 %", "%", "1.5"}) EXPECT_FALSE(parse_amount(wrong).ok()) << wrong;
}

TEST(FolderClasses, AreFoundByNameOrByPlace) {
  const std::vector<Photo> photos = {{"data/cat/1.jpg", nullptr}, {"data/ant/2.jpg", nullptr}};
  const auto named = FolderClasses::find(photos, {"dog", "cat", "ant"}, 3);
  ASSERT_TRUE(named);
  EXPECT_EQ(named->of(photos[0]), 1);
  EXPECT_EQ(named->of(photos[1]), 2);
  EXPECT_EQ(named->of({"elsewhere/x.jpg", nullptr}), std::nullopt);
  const auto placed = FolderClasses::find(photos, {}, 2);
  ASSERT_TRUE(placed);
  EXPECT_EQ(placed->of(photos[0]), 1);
  EXPECT_FALSE(FolderClasses::find(photos, {}, 1000));
  EXPECT_FALSE(FolderClasses::find(std::span(photos).first(1), {}, 1));
}

}  // namespace
}  // namespace fovea::pipeline
