// fovea verify against a bundle that timm, Pillow and ONNX Runtime made, and against damaged copies of it.
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/command_test.h"
#include "image/decode.h"
#include "tasks/npy.h"

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

Outcome verify(const std::string& bundle, std::vector<std::string> flags = {}) {
  std::vector<std::string> arguments = {"verify", kDemo, "--against", bundle};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return fovea(std::move(arguments));
}

class VerifyTest : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    for (const auto& file : fs::directory_iterator(kModels + "bundle"))
      fs::copy(file.path(), folder_, fs::copy_options::overwrite_existing);
  }

  std::string bundle() const { return folder_.string(); }
  /// Adds `amount` to one element of a stage.
  template <class T>
  void change(const std::string& stage, int64_t element, T amount) {
    const fs::path file = folder_ / (stage + ".npy");
    const Tensor tensor = *tasks::read_npy(file);
    Tensor changed = *Tensor::allocate(tensor.dtype(), tensor.shape());
    std::memcpy(changed.mutable_view().data, tensor.raw(), tensor.bytes());
    T& value = changed.mutable_view().as<T>()[element];
    value = static_cast<T>(value + amount);
    ASSERT_TRUE(tasks::write_npy(file, changed));
  }
  void describe(const json& bundle) { std::ofstream(folder_ / "bundle.json") << bundle; }
};

TEST_F(VerifyTest, AgreesWithTimmAtEveryStage) {
  const Outcome run = verify(bundle());
  EXPECT_EQ(run.code, kDone) << run.out << run.err;
  EXPECT_THAT(run.out, testing::AllOf(HasSubstr("against  timm"), HasSubstr("all stages agree")));
  const json found = json::parse(verify(bundle(), {"--format", "json"}).out);
  EXPECT_EQ(found["first_difference"], nullptr);
  ASSERT_EQ(found["stages"].size(), 4u);
  for (const char* from : {"alone", "from_photo"})
    for (size_t stage = 1; stage < 3; ++stage) EXPECT_EQ(found["stages"][stage][from]["differing"], 0);
}

TEST_F(VerifyTest, NamesTheFirstStageThatDiffersAndWhere) {
  change<uint8_t>("resized", 3 * (128 * 5 + 7) + 1, 9);
  const Outcome run = verify(bundle());
  EXPECT_EQ(run.code, kSomeInputsFailed);
  EXPECT_THAT(run.out, testing::AllOf(HasSubstr("first stage that differs: resize"), HasSubstr("max 9 at [5, 7, 1]")));
  // What comes behind is judged by what it got: it normalises rightly what it was given, so the bundle's own input
  // does not fit to the bundle's pixels either.
  const json found = json::parse(verify(bundle(), {"--format", "json"}).out);
  EXPECT_EQ(found["stages"][2]["from_photo"]["differing"], 0);
  EXPECT_EQ(found["stages"][2]["alone"]["differing"], 1);
  EXPECT_TRUE(found["stages"][3]["agrees"]);
}

TEST_F(VerifyTest, TellsTheModelFromItsInput) {
  change<float>("output", 3, 0.5f);
  EXPECT_THAT(verify(bundle()).out, HasSubstr("first stage that differs: model"));
  EXPECT_EQ(verify(bundle(), {"--tolerance", "0.5"}).code, kDone);
  const json other = json::parse(verify(bundle(), {"--std", "0.25", "--format", "json"}).out);
  EXPECT_EQ(other["first_difference"], "normalise");
}

TEST_F(VerifyTest, OtherWaysOfResizingAreJudgedStageByStage) {
  for (const char* mode : {"float", "scaled"}) {
    const Outcome run = verify(bundle(), {"--resize", mode, "--format", "json"});
    EXPECT_EQ(run.code, kDone) << run.out << run.err;
    const json found = json::parse(run.out);
    EXPECT_EQ(found["first_difference"], nullptr);
    // The pixels do differ, which the chain shows.
    EXPECT_GT(found["stages"][1]["alone"]["differing"], 0);
    EXPECT_GT(found["stages"][2]["from_photo"]["differing"], 0);
    EXPECT_EQ(found["stages"][2]["alone"]["differing"], 0);
  }
  change<uint8_t>("resized", 3 * (128 * 5 + 7) + 1, 9);
  const Outcome wrong = verify(bundle(), {"--resize", "float"});
  EXPECT_EQ(wrong.code, kSomeInputsFailed);
  EXPECT_THAT(wrong.out, HasSubstr("first stage that differs: resize"));
}

TEST_F(VerifyTest, APhotoThatIsDecodedAtAFractionMayDifferByMore) {
  const std::string photo = kModels + "photos/retina.jpg";
  std::istringstream in;
  std::ostringstream out, err;
  Console console{in, out, err};
  ASSERT_EQ(run_cli({"preprocess", photo, kDemo, "--std", "1", "--mean", "0", "-o", path("pixels.npy")}, console),
            kDone)
      << err.str();
  // Back to bytes, {height, width, channels}.
  const Tensor input = *tasks::read_npy(path("pixels.npy"));
  Tensor resized = *Tensor::allocate(DType::u8, {128, 128, 3});
  for (int64_t i = 0; i < 128 * 128; ++i)
    for (int64_t c = 0; c < 3; ++c)
      resized.mutable_view().as<uint8_t>()[3 * i + c] =
          static_cast<uint8_t>(std::lround(255 * input.values<float>()[static_cast<size_t>(c * 128 * 128 + i)]));
  const image::Image pixels = *image::read_image(photo, {});
  Tensor decoded = *Tensor::allocate(DType::u8, {pixels.height(), pixels.width(), 3});
  std::memcpy(decoded.mutable_view().data, pixels.data(), static_cast<size_t>(pixels.bytes()));
  ASSERT_TRUE(tasks::write_npy(path("resized.npy"), resized));
  ASSERT_TRUE(tasks::write_npy(path("decoded.npy"), decoded));
  fs::copy(photo, path("photo.jpg"), fs::copy_options::overwrite_existing);
  const auto stage = [&](const char* mode) {
    const Outcome run = verify(bundle(), {"--resize", mode, "--format", "json"});
    EXPECT_EQ(run.code, kDone) << run.out << run.err;
    return json::parse(run.out)["stages"].back();
  };
  describe({{"photo", "photo.jpg"}, {"decoded", "decoded.npy"}, {"resized", "resized.npy"}});
  EXPECT_EQ(stage("exact")["from_photo"]["differing"], 0);
  const json whole = stage("scaled");
  EXPECT_EQ(whole["tolerance"], 1.5);
  EXPECT_LE(whole["alone"]["max"], 1.5);
  EXPECT_GT(whole["from_photo"]["max"], 1.5);
  describe({{"photo", "photo.jpg"}, {"resized", "resized.npy"}});
  EXPECT_EQ(stage("scaled")["tolerance"], 44);
  EXPECT_EQ(stage("float")["tolerance"], 1.5);
}

TEST_F(VerifyTest, ComparesWhatIsThere) {
  describe({{"photo", "photo.jpg"}, {"output", "output.npy"}});
  EXPECT_EQ(verify(bundle()).code, kDone);
  describe({{"photo", "photo.jpg"}, {"resized", "decoded.npy"}});
  const Outcome shape = verify(bundle());
  EXPECT_EQ(shape.code, kSomeInputsFailed);
  EXPECT_THAT(shape.out, HasSubstr("u8[128x128x3] here, u8[120x180x3] there"));
}

TEST_F(VerifyTest, RefusesWhatIsNoBundle) {
  EXPECT_EQ(verify(bundle() + "/nowhere").code, kWrongUsage);
  describe({{"photo", "../photo.jpg"}, {"output", "output.npy"}});
  EXPECT_THAT(verify(bundle()).err, HasSubstr("no file of the bundle's folder"));
  describe({{"photo", "photo.jpg"}, {"decoded", "input.npy"}});
  EXPECT_THAT(verify(bundle()).err, HasSubstr("not u8[height,width,3]"));
  describe({{"photo", "photo.jpg"}});
  EXPECT_THAT(verify(bundle()).err, HasSubstr("no tensor to compare with"));
  describe(json::array());
  EXPECT_EQ(verify(bundle()).code, kWrongUsage);
  describe({{"photo", "photo.jpg"}, {"output", "missing.npy"}});
  EXPECT_THAT(verify(bundle()).err, HasSubstr("\"output\" names missing.npy: No such file"));
  fs::create_directory(folder_ / "folder.npy");
  describe({{"photo", "photo.jpg"}, {"output", "folder.npy"}});
  EXPECT_THAT(verify(bundle()).err, HasSubstr("no regular file"));
}

TEST_F(VerifyTest, RefusesLinksThatLeaveTheBundle) {
  fs::create_directory(folder_ / "elsewhere");
  fs::copy(folder_ / "output.npy", folder_ / "elsewhere/output.npy");
  fs::create_symlink("elsewhere/output.npy", folder_ / "link.npy");
  fs::create_symlink(kCoffee, folder_ / "link.jpg");
  describe({{"photo", "photo.jpg"}, {"output", "link.npy"}});
  const Outcome tensor = verify(bundle());
  EXPECT_EQ(tensor.code, kWrongUsage);
  EXPECT_THAT(tensor.err, testing::AllOf(HasSubstr("bundle.json"), HasSubstr("\"output\" names link.npy, a link to"),
                                         HasSubstr("copy the file into the bundle")));
  describe({{"photo", "link.jpg"}, {"output", "output.npy"}});
  EXPECT_EQ(verify(bundle()).code, kWrongUsage);
  // Nor may what describes the bundle be one.
  describe({{"photo", "photo.jpg"}, {"output", "output.npy"}});
  fs::rename(folder_ / "bundle.json", folder_ / "elsewhere/bundle.json");
  EXPECT_THAT(verify(bundle()).err, HasSubstr("bundle.json: No such file"));
  fs::create_symlink("elsewhere/bundle.json", folder_ / "bundle.json");
  const Outcome description = verify(bundle());
  EXPECT_EQ(description.code, kWrongUsage);
  EXPECT_THAT(description.err, HasSubstr("bundle.json, a link to"));
  fs::remove(folder_ / "bundle.json");
  // Within the folder they are no harm, and the folder itself may be one.
  fs::create_symlink("output.npy", folder_ / "own.npy");
  describe({{"photo", "photo.jpg"}, {"output", "own.npy"}});
  const fs::path other = folder_.string() + "-link";
  fs::create_directory_symlink(folder_, other);
  EXPECT_EQ(verify(other.string()).code, kDone);
  fs::remove(other);
}

}  // namespace
}  // namespace fovea::cli
