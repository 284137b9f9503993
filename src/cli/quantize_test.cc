// fovea quantize, fovea table, and what the other commands make of their files.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/text_file.h"
#include "cli/command_test.h"
#include "graph/text.h"
#include "onnx/write.h"

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class QuantizeTest : public CommandTest {
 protected:
  /// The demo model on its photos, nothing compared unless the flags say so.
  Outcome quantize(const std::string& output, const std::vector<std::string>& flags) {
    std::vector<std::string> arguments = {"quantize", kDemo, "--images", kPhotos, "-o", path(output)};
    if (std::ranges::find(flags, "--hold-out") == flags.end()) arguments.insert(arguments.end(), {"--hold-out", "0"});
    if (std::ranges::find(flags, "--compare") == flags.end()) arguments.insert(arguments.end(), {"--compare", "0"});
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return fovea(arguments);
  }
};

std::vector<std::string> names_of_photos(const std::string& model) {
  std::istringstream lines(fovea({"classify", model, kPhotos, "--topk", "1", "--format", "json"}).out);
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) names.push_back(json::parse(line)["top"][0]["label"]);
  return names;
}

TEST_F(QuantizeTest, TheInt8DemoModelNamesAllPhotosAsTheFloatOne) {
  const auto before = names_of_photos(kDemo);
  ASSERT_EQ(before.size(), 20u);
  const std::vector<std::vector<std::string>> ways = {
      {}, {"--method", "minmax", "--activations", "s8"}, {"--target", "tensorrt"}, {"--equalize", "--correct-bias"}};
  for (const auto& flags : ways) {
    const Outcome made = quantize("int8.onnx", flags);
    ASSERT_EQ(made.code, kDone) << made.err;
    EXPECT_EQ(names_of_photos(path("int8.onnx")), before);
  }
}

TEST_F(QuantizeTest, TheReportHasTheFigures) {
  const Outcome made =
      quantize("int8.onnx", {"--compare", "3", "--hold-out", "4", "--format", "json", "--report", path("r.json")});
  ASSERT_EQ(made.code, kDone) << made.err;
  const json report = json::parse(made.out);
  EXPECT_EQ(report["photos"]["calibration"], 16);
  EXPECT_EQ(report["photos"]["held_back"], 4);
  EXPECT_EQ(report["layers"]["int8"], report["layers"]["all"]);
  EXPECT_LT(report["weight_bytes"]["int8"].get<int64_t>() * 3, report["weight_bytes"]["float"].get<int64_t>());
  for (const char* part : {"on_calibration", "on_held_back"}) {
    EXPECT_EQ(report[part]["photos"], 3);
    EXPECT_EQ(report[part]["top1_agreement"], 1.0);
    EXPECT_GT(report[part]["sqnr_db"].get<double>(), 25);
  }
  EXPECT_EQ(report["ranges"].size(), report["layers"]["values"]);
  EXPECT_EQ(report["errors"].size(), report["layers"]["values"]);
  EXPECT_EQ(json::parse(*read_text_file(path("r.json"))), report);
  EXPECT_THAT(made.err, HasSubstr("200 are advised"));
}

TEST_F(QuantizeTest, AFolderForEachClassGivesAccuracies) {
  for (const char* name : {"coffee", "rocket"}) {
    fs::create_directories(path("classes/" + std::string(name)));
    fs::copy(kPhotos + "/" + name + ".jpg", path("classes/" + std::string(name)));
  }
  const Outcome made = fovea({"quantize", kDemo, "--images", path("classes"), "-o", path("int8.onnx"), "--hold-out",
                              "0", "--max-drop", "0", "--format", "json"});
  ASSERT_EQ(made.code, kDone) << made.err;
  const json report = json::parse(made.out);
  EXPECT_EQ(report["on_calibration"]["accuracy_float"], 1.0);
  EXPECT_EQ(report["on_calibration"]["accuracy_int8"], 1.0);
  EXPECT_EQ(report["trade"]["met"], true);
  EXPECT_EQ(report["trade"]["rows"][0]["kept"], 0);
}

TEST_F(QuantizeTest, ATableGivesTheSameModelAsItsCalibration) {
  ASSERT_EQ(quantize("a.onnx", {"--method", "minmax", "--table", path("t.json")}).code, kDone);
  const Outcome again = fovea({"quantize", kDemo, "--table-in", path("t.json"), "-o", path("b.onnx")});
  ASSERT_EQ(again.code, kDone) << again.err;
  EXPECT_TRUE(*read_text_file(path("a.onnx")) == *read_text_file(path("b.onnx")));  // not printed: they are long
}

TEST_F(QuantizeTest, TablesAreShownAndConverted) {
  ASSERT_EQ(quantize("a.onnx", {"--table", path("t.json")}).code, kDone);
  const json ranges = json::parse(fovea({"inspect", path("t.json"), "--format", "json"}).out)["ranges"];
  EXPECT_GT(ranges.size(), 20u);
  for (const auto& [kind, name] :
       {std::pair("flatbuffers", "t.flatbuffers"), {"cache", "t.cache"}, {"tensorrt", "u.cache"}}) {
    const Outcome converted = fovea({"table", path("t.json"), "-o", path(name), "--kind", kind});
    ASSERT_EQ(converted.code, kDone) << converted.err;
    const Outcome shown = fovea({"inspect", path(name)});
    EXPECT_EQ(shown.code, kDone);
    EXPECT_THAT(shown.out, HasSubstr(std::to_string(ranges.size()) + ", magnitudes only"));
    EXPECT_EQ(shown.err.find("largest magnitude") != std::string::npos, std::string(kind) != "tensorrt");
  }
  EXPECT_EQ(fovea({"table", kDemo}).code, kWrongUsage);
}

TEST_F(QuantizeTest, TheModelKeepsItsRecipeAndWhatItIsCalled) {
  ASSERT_EQ(quantize("int8.onnx", {}).code, kDone);
  const json before = json::parse(fovea({"inspect", kDemo, "--format", "json"}).out),
             after = json::parse(fovea({"inspect", path("int8.onnx"), "--format", "json"}).out);
  for (const char* key : {"inputs", "outputs", "metadata", "recipe", "labels"})
    EXPECT_EQ(after[key], before[key]) << key;
}

TEST_F(QuantizeTest, FlagsOfTheRecipeGoIntoTheModel) {
  ASSERT_EQ(quantize("int8.onnx", {"--crop-pct", "0.5", "--mean", "0.1,0.2,0.3"}).code, kDone);
  const auto recipe = [](const Outcome& outcome) { return json::parse(outcome.out)["recipe"]["transform"]; };
  EXPECT_EQ(recipe(fovea({"inspect", path("int8.onnx"), "--format", "json"})),
            recipe(fovea({"inspect", kDemo, "--crop-pct", "0.5", "--mean", "0.1,0.2,0.3", "--format", "json"})));
}

TEST_F(QuantizeTest, WhatCannotBeMeantIsSaidWithItsFix) {
  EXPECT_THAT(fovea({"quantize", kDemo, "-o", path("x.onnx")}).err, HasSubstr("--images"));
  EXPECT_EQ(fovea({"quantize", kDemo, "-o", path("x.onnx")}).code, kWrongUsage);
  EXPECT_THAT(quantize("x.onnx", {"--symmetric", "--activations", "u8"}).err,
              HasSubstr("symmetric activations are s8"));
  EXPECT_THAT(quantize("x.onnx", {"--exclude", "nobody"}).err, HasSubstr("--exclude nobody"));
  EXPECT_THAT(quantize("x.onnx", {"--sample", "many"}).err, HasSubstr("many is no amount"));
  EXPECT_THAT(quantize("x.onnx", {"--table", path("t.unknown")}).err, HasSubstr("which kind of table"));
  ASSERT_EQ(quantize("int8.onnx", {}).code, kDone);
  const Outcome twice = fovea({"quantize", path("int8.onnx"), "--images", kPhotos, "-o", path("x.onnx")});
  EXPECT_EQ(twice.code, kModelUnusable);
  EXPECT_THAT(twice.err, HasSubstr("quantised already"));
  const Outcome excluded = quantize("float.onnx", {"--exclude", "Conv", "Gemm"});
  EXPECT_EQ(excluded.code, kModelUnusable);
  EXPECT_THAT(excluded.err, HasSubstr("no Conv, MatMul or Gemm"));
  EXPECT_FALSE(fs::exists(path("x.onnx")));
}

TEST_F(QuantizeTest, TheModelItselfIsNoOutput) {
  fs::copy(kDemo, path("m.onnx"));
  fs::create_symlink(path("m.onnx"), path("link.json"));
  const std::string before = *read_text_file(path("m.onnx"));
  const std::vector<std::vector<std::string>> ways = {{"-o", path("m.onnx")},
                                                      {"-o", path("x.onnx"), "--table", path("link.json")},
                                                      {"-o", path("x.onnx"), "--report", path("link.json")},
                                                      {"-o", path("x.onnx"), "--calibration", path("link.json")}};
  for (const auto& flags : ways) {
    std::vector<std::string> arguments = {"quantize", path("m.onnx"), "--images", kPhotos};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Outcome refused = fovea(arguments);
    EXPECT_EQ(refused.code, kWrongUsage);
    EXPECT_THAT(refused.err, HasSubstr(flags[flags.size() - 2] + " " + flags.back() + " is the model itself"));
  }
  EXPECT_TRUE(*read_text_file(path("m.onnx")) == before);
  EXPECT_FALSE(fs::exists(path("x.onnx")));
}

TEST_F(QuantizeTest, AFileThatCannotBeWrittenIsNoFaultOfTheModel) {
  ASSERT_EQ(quantize("a.onnx", {"--table", path("t.json")}).code, kDone);
  for (const std::vector<std::string>& flags : {std::vector<std::string>{"-o", path("no/x.onnx")},
                                                {"-o", path("x.onnx"), "--table", path("no/t.json")},
                                                {"-o", path("x.onnx"), "--report", path("no/r.json")}}) {
    std::vector<std::string> arguments = {"quantize", kDemo, "--table-in", path("t.json")};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    EXPECT_EQ(fovea(arguments).code, kSomeInputsFailed) << flags.back();
  }
  EXPECT_EQ(fovea({"table", path("t.json"), "-o", path("no/t.cache")}).code, kSomeInputsFailed);
  EXPECT_EQ(fovea({"quantize", kDemo, "--table-in", path("none.json"), "-o", path("x.onnx")}).code, kWrongUsage);
}

TEST_F(QuantizeTest, NothingWrittenReplacesAnotherFile) {
  const auto refused = [&](const std::vector<std::string>& flags, const std::string& why) {
    const Outcome made = quantize("a.onnx", flags);
    EXPECT_EQ(made.code, kWrongUsage) << flags.back();
    EXPECT_THAT(made.err, HasSubstr(why));
  };
  fs::create_symlink(".", path("here"));
  refused({"--table", path("here/a.onnx")}, "-o and --table are both");
  refused({"--calibration", path("a.onnx")}, "-o and --calibration are both");
  refused({"--report", path("r.json"), "--table", path("r.json")}, "--table and --report are both");
  refused({"--report", path("a.onnx.calibration")}, "--report and --calibration are both");
  std::ofstream(path("precious.txt")) << "mine";
  refused({"--calibration", path("precious.txt")}, "is no state of a calibration");
  EXPECT_EQ(*read_text_file(path("precious.txt")), "mine");
  EXPECT_FALSE(fs::exists(path("a.onnx")));
  ASSERT_EQ(quantize("b.onnx", {"--table", path("t.json")}).code, kDone);
  refused({"--table-in", path("t.json"), "--calibration", path("c")}, "nothing is observed");
  refused({"--table-in", path("t.json"), "--report", path("t.json")}, "--table-in and --report are both");
}

/// x -> MatMul with weights of f16, which are cast where they are read.
TEST_F(QuantizeTest, WeightsOfFewerBitsBecomeInt8) {
  const auto graph = parse_graph(R"(graph (f32[1,3,8,8] x) -> (y) {
    c = constant f32[1,3,1,1] {1, 2, 3}
    m = Mul@13(x, c)
    p = GlobalAveragePool@13(m)
    f = Flatten@13(p)
    w = constant f16[3,5] random(1)
    v = Cast@13(w) {to=1}
    y = MatMul@13(f, v)
  })");
  ASSERT_TRUE(graph.ok()) << graph.error().to_string();
  const auto written = onnx::write_model(*graph, path("half.onnx"));
  ASSERT_TRUE(written.ok()) << written.error().to_string();
  const Outcome made = fovea({"quantize", path("half.onnx"), "--images", kPhotos, "-o", path("x.onnx"), "--hold-out",
                              "0", "--compare", "0", "--format", "json"});
  ASSERT_EQ(made.code, kDone) << made.err;
  EXPECT_EQ(json::parse(made.out)["layers"]["int8"], 1);
}

TEST_F(QuantizeTest, AKeptCalibrationServesOtherMethods) {
  const std::vector<std::string> kept = {"--calibration", path("seen")};
  ASSERT_EQ(quantize("entropy.onnx", kept).code, kDone);
  ASSERT_TRUE(fs::exists(path("seen")));
  const Outcome again = quantize("again.onnx", {"--calibration", path("seen"), "--resume", "--method", "minmax"});
  ASSERT_EQ(again.code, kDone) << again.err;
  ASSERT_EQ(quantize("minmax.onnx", {"--method", "minmax"}).code, kDone);
  EXPECT_TRUE(*read_text_file(path("again.onnx")) == *read_text_file(path("minmax.onnx")));
  EXPECT_FALSE(*read_text_file(path("again.onnx")) == *read_text_file(path("entropy.onnx")));
}

TEST_F(QuantizeTest, ResumingWithoutAStateBeginsAnew) {
  const Outcome made = quantize("a.onnx", {"--resume"});
  EXPECT_EQ(made.code, kDone) << made.err;
  EXPECT_THAT(made.err, HasSubstr("there is no " + path("a.onnx.calibration")));
}

TEST_F(QuantizeTest, WithATableAloneTheRecipeGoesIntoTheModel) {
  ASSERT_EQ(quantize("a.onnx", {"--table", path("t.json"), "--crop-pct", "0.5"}).code, kDone);
  const Outcome made =
      fovea({"quantize", kDemo, "--table-in", path("t.json"), "-o", path("b.onnx"), "--crop-pct", "0.5"});
  ASSERT_EQ(made.code, kDone) << made.err;
  EXPECT_TRUE(*read_text_file(path("a.onnx")) == *read_text_file(path("b.onnx")));
}

TEST_F(QuantizeTest, AModelInOneFileStaysInOne) {
  // Folding gives each convolution weights of its own: more than the file had.
  const auto graph = parse_graph(R"(graph (f32[1,16,8,8] x) -> (y) {
    w = constant f32[256,16,3,3] random(1)
    s = constant f32[256] random(2)  t = constant f32[256] random(3)  v = constant f32[256] fill(1)
    a = Conv@14(x, w)  b = Conv@14(x, w)
    c = BatchNormalization@14(a, s, t, t, v)  d = BatchNormalization@14(b, t, s, s, v)
    y = Sub@14(c, d)
  })");
  ASSERT_TRUE(graph.ok()) << graph.error().to_string();
  ASSERT_TRUE(onnx::write_model(*graph, path("m.onnx")).ok());
  std::ofstream(path("t.cache")) << "x 1.0\nc 4.0\nd 4.0\n";
  const Outcome made =
      fovea({"quantize", path("m.onnx"), "--table-in", path("t.cache"), "-o", path("x.onnx"), "--format", "json"});
  ASSERT_EQ(made.code, kDone) << made.err;
  EXPECT_GT(json::parse(made.out)["weight_bytes"]["float"].get<uint64_t>(), fs::file_size(path("m.onnx")));
  EXPECT_TRUE(fs::exists(path("x.onnx")));
  EXPECT_FALSE(fs::exists(path("x.onnx.data")));
  ASSERT_TRUE(onnx::write_model(*graph, path("beside.onnx"), {.external_from = 1024}).ok());
  EXPECT_EQ(fovea({"quantize", path("beside.onnx"), "--table-in", path("t.cache"), "-o", path("z.onnx")}).code, kDone);
  EXPECT_TRUE(fs::exists(path("z.onnx.data")));
}

TEST_F(QuantizeTest, ABrokenPhotoIsReportedAndTheOthersGoOn) {
  fs::create_directories(path("photos"));
  fs::copy(kPhotos + "/coffee.jpg", path("photos"));
  std::ofstream(path("photos/broken.jpg")) << "no photo";
  const Outcome made =
      fovea({"quantize", kDemo, "--images", path("photos"), "-o", path("int8.onnx"), "--hold-out", "0"});
  EXPECT_EQ(made.code, kSomeInputsFailed);
  EXPECT_THAT(made.err, HasSubstr("broken.jpg"));
  EXPECT_TRUE(fs::exists(path("int8.onnx")));
}

}  // namespace
}  // namespace fovea::cli
