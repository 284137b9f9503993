// The commands from end to end, in this process: what they print, what they write, how they end.
#include "cli/run_cli.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/command_test.h"
#include "graph/text.h"
#include "onnx/write.h"
#include "tasks/npy.h"

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kCat = kModels + "photos/cat.png";

class CliTest : public CommandTest {
 protected:
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return path(name);
  }
  /// An ONNX file of a graph in text form.
  std::string model(const std::string& name, const std::string& text) const {
    const auto graph = parse_graph(text);
    EXPECT_TRUE(graph.ok()) << graph.error().to_string();
    const auto written = onnx::write_model(*graph, path(name));
    EXPECT_TRUE(written.ok()) << written.error().to_string();
    return path(name);
  }
  std::string npy(const std::string& name, const Tensor& tensor) const {
    EXPECT_TRUE(tasks::write_npy(path(name), tensor).ok());
    return path(name);
  }
};

// A classifier of two classes: is the photo bright or dark? The mean of all pixels, and its opposite.
constexpr const char* kBright = R"(graph g (f32[batch,3,?,?] image) -> (scores) {
  plus = constant f32[2,3,1,1] {1, 1, 1, -1, -1, -1}
  y = Conv@13(image, plus)
  z = GlobalAveragePool@13(y)
  f32[batch,2] scores = Flatten@13(z)
})";

// ---- usage

TEST(Usage, HelpAndVersionGoToStdout) {
  for (const char* command : {"classify", "run", "preprocess", "inspect", "bake", "doctor"}) {
    const Outcome run = fovea({command, "--help"});
    EXPECT_EQ(run.code, 0) << command;
    EXPECT_THAT(run.out, HasSubstr(std::string("  fovea ") + command)) << command;
    EXPECT_EQ(run.err, "") << command;
  }
  EXPECT_THAT(fovea({}).out, HasSubstr("classify"));
  EXPECT_THAT(fovea({"--version"}).out, testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(Usage, WhatCannotBeMeantEndsWithTwo) {
  const std::vector<std::vector<std::string>> cases = {
      {"frobnicate"},
      {"classify"},
      {"classify", kDemo},
      {"classify", kDemo, kCoffee, "--topk", "0"},
      {"classify", kDemo, kCoffee, "--format", "xml"},
      {"classify", kDemo, kCoffee, "--no-such-flag"},
      {"classify", kDemo, kCoffee, "--precision", "fp8"},
      {"classify", kDemo, kCoffee, "--precision", "fp16"},
      {"classify", kDemo, kCoffee, "-O", "nonsense"},
      {"classify", kDemo, kCoffee, "-O", "no_such_option=1"},
      {"classify", kDemo, kCoffee, "--mean", "1,2"},
      {"classify", kDemo, kCoffee, "--std", "0,0,0"},
      {"classify", kDemo, kCoffee, "--size", "-3"},
      {"classify", kDemo, kCoffee, "--size", "64"},
      {"classify", kDemo, kCoffee, "--resize", "longest=3"},
      {"classify", kDemo, kCoffee, "--crop-mode", "corner"},
      {"classify", kDemo, kCoffee, "--config", "/no/such/config.json"},
      {"classify", kDemo, kCoffee, "--labels", "/no/such/labels.txt"},
      {"classify", kDemo, kCoffee, "--shape", "other=1x3x128x128"},
      {"classify", kDemo, kCoffee, "--shape", "input=1x3x64x64"},
      {"preprocess", kCoffee, "-o", "/tmp/x.npy"},
  };
  for (const auto& arguments : cases) {
    const Outcome run = fovea(arguments);
    EXPECT_EQ(run.code, 2) << testing::PrintToString(arguments) << run.err;
    EXPECT_THAT(run.err, StartsWith("fovea: error: ")) << testing::PrintToString(arguments);
    EXPECT_EQ(run.out, "");
  }
}

TEST(Usage, AMissingBackendEndsWithFourAndSaysTheFix) {
  for (const char* name : {"openvino", "onnxruntime:cuda", "nonsense", "native:tpu"}) {
    const Outcome run = fovea({"classify", kDemo, kCoffee, "--backend", name});
    EXPECT_EQ(run.code, 4) << name;
    EXPECT_EQ(std::ranges::count(run.err, '\n'), 1) << run.err;
    EXPECT_THAT(run.err, HasSubstr("; ")) << name;
  }
}

TEST_F(CliTest, AModelThatCannotBeUsedEndsWithThree) {
  const std::string features =
      model("features.onnx", R"(graph g (f32[1,3,8,8] image) -> (y) { f32[1,3,8,8] y = Relu@13(image) })");
  for (const std::string& bad : {path("missing.onnx"), write("bad.onnx", "no model"), folder_.string(), features}) {
    const Outcome run = fovea({"classify", bad, kCoffee});
    EXPECT_EQ(run.code, 3) << bad << run.err;
    EXPECT_THAT(run.err, HasSubstr(bad));
  }
}

// ---- classify

TEST(Classify, EveryDemoPhotoIsNamedByItsFile) {
  const Outcome run = fovea({"classify", kDemo, kModels + "photos", "--topk", "1", "--format", "json", "--batch", "4"});
  EXPECT_EQ(run.code, 0) << run.err;
  ASSERT_GE(run.lines().size(), 20u);
  for (const std::string& line : run.lines()) {
    const json answer = json::parse(line);
    EXPECT_EQ(answer["top"][0]["label"], fs::path(answer["image"].get<std::string>()).stem().string());
  }
}

TEST(Classify, JsonHasTheAgreedFieldsInTheirOrder) {
  const Outcome run = fovea({"classify", kDemo, kCoffee, "--format", "json"});
  ASSERT_EQ(run.lines().size(), 1u);
  const auto answer = nlohmann::ordered_json::parse(run.out);
  std::vector<std::string> keys;
  for (const auto& [key, value] : answer.items()) keys.push_back(key);
  EXPECT_THAT(keys, testing::ElementsAre("image", "top", "ms", "resize"));
  keys.clear();
  for (const auto& [key, value] : answer["ms"].items()) keys.push_back(key);
  EXPECT_THAT(keys, testing::ElementsAre("decode", "preprocess", "infer", "postprocess"));
  keys.clear();
  for (const auto& [key, value] : answer["top"][0].items()) keys.push_back(key);
  EXPECT_THAT(keys, testing::ElementsAre("index", "label", "probability"));
  EXPECT_EQ(answer["top"].size(), 5u);
  EXPECT_EQ(answer["image"], kCoffee);
}

TEST(Classify, TextAndCsvNameTheSame) {
  EXPECT_THAT(fovea({"classify", kDemo, kCoffee}).out, AllOf(HasSubstr("coffee.jpg  ("), HasSubstr("%  coffee\n")));
  const auto lines = fovea({"classify", kDemo, kCoffee, "--format", "csv", "--topk", "2"}).lines();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[0], StartsWith("image,rank,index,label,probability,"));
  EXPECT_THAT(lines[1], StartsWith(kCoffee + ",1,7,coffee,0."));
}

TEST(Classify, ABatchGivesTheAnswersOfSinglePhotos) {
  const auto top = [](const Outcome& run) {
    std::vector<json> answers;
    for (const std::string& line : run.lines()) answers.push_back(json::parse(line)["top"]);
    return answers;
  };
  const std::string photos = kModels + "photos/c*";
  const auto one = top(fovea({"classify", kDemo, photos, "--format", "json"}));
  const auto three = top(fovea({"classify", kDemo, photos, "--format", "json", "--batch", "3"}));
  ASSERT_EQ(one.size(), three.size());
  for (size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i][0]["label"], three[i][0]["label"]);
    EXPECT_NEAR(one[i][0]["probability"].get<double>(), three[i][0]["probability"].get<double>(), 1e-5);
  }
}

TEST(Classify, StdinIsAPhoto) {
  std::ifstream file(kCoffee, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  const Outcome run = fovea({"classify", kDemo, "-", "--format", "json"}, bytes);
  EXPECT_EQ(run.code, 0);
  const json answer = json::parse(run.out);
  EXPECT_EQ(answer["image"], "-");
  EXPECT_EQ(answer["top"][0]["label"], "coffee");
}

TEST_F(CliTest, AnUnreadablePhotoIsReportedAndTheOthersGoOn) {
  const std::string bad = write("bad.jpg", "this is no photo");
  const Outcome run = fovea({"classify", kDemo, bad, path("missing.png"), kCoffee, "--format", "json", "--batch", "2"});
  EXPECT_EQ(run.code, 1);
  EXPECT_EQ(run.lines().size(), 1u);
  EXPECT_THAT(run.err, AllOf(HasSubstr(bad), HasSubstr("missing.png")));
}

TEST_F(CliTest, LabelsOfTheUserAreUsedAndMustFit) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += "name\t" + std::to_string(i) + "\n";
  const Outcome run = fovea({"classify", kDemo, kCoffee, "--labels", write("l.txt", text)});
  EXPECT_THAT(run.out, HasSubstr("%  name?7\n"));  // a tab is no business of the terminal
  const Outcome wrong = fovea({"classify", kDemo, kCoffee, "--labels", write("m.txt", "a\nb\n")});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("2 labels, but the model has 20 classes"));
}

TEST_F(CliTest, QuietSaysErrorsOnly) {
  const std::string bright = model("bright.onnx", kBright);
  EXPECT_THAT(fovea({"classify", bright, kCoffee}).err, HasSubstr("--config FILE"));
  EXPECT_EQ(fovea({"classify", bright, kCoffee, "-q"}).err, "");
  EXPECT_THAT(fovea({"classify", bright, kCoffee, "-v"}).err, HasSubstr("read and compiled"));
}

TEST_F(CliTest, DynamicSizesRunEachPhotoAtItsOwn) {
  const std::string bright = model("bright.onnx", kBright);
  const Outcome run = fovea({"classify", bright, kModels + "photos", "--resize", "shortest=64", "--divisor", "16",
                             "--batch", "8", "--format", "json"});
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_GE(run.lines().size(), 20u);
}

TEST_F(CliTest, AFixedBatchIsFilledUp) {
  std::string text = kBright;
  text.replace(text.find("f32[batch,3,?,?]"), 16, "f32[3,3,32,32]");
  text.replace(text.find("f32[batch,2]"), 12, "f32[3,2]");
  const std::string three = model("three.onnx", text);
  const Outcome run = fovea({"classify", three, kCoffee, kCat, kCoffee, kCat, "--format", "json"});
  EXPECT_EQ(run.code, 0) << run.err;
  const auto lines = run.lines();
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(json::parse(lines[0])["top"], json::parse(lines[2])["top"]);
  EXPECT_EQ(fovea({"classify", three, kCoffee, "--batch", "2"}).code, 2);
}

TEST_F(CliTest, NanIsNoAnswer) {
  std::string text = kBright;
  text.replace(text.find("{1, 1, 1,"), 9, "{nan, 1, 1,");
  const Outcome run = fovea({"classify", model("nan.onnx", text), kCoffee});
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.err, HasSubstr("NaN for 1 of 2 classes"));
}

TEST_F(CliTest, ModelsThatNormaliseAndEndInSoftmaxGetNeitherTwice) {
  const std::string inside = model("inside.onnx", R"(graph g (u8[1,16,16,3] pixels) -> (probabilities) {
    f = Cast@13(pixels) {to=1}
    mean = constant f32[3] {127.5, 127.5, 127.5}
    c = Sub@13(f, mean)
    n = Div@13(c, mean)
    t = Transpose@13(n) {perm=[0, 3, 1, 2]}
    w = constant f32[2,3,1,1] {1, 1, 1, -1, -1, -1}
    y = Conv@13(t, w)
    z = GlobalAveragePool@13(y)
    s = Flatten@13(z)
    f32[1,2] probabilities = Softmax@13(s)
  })");
  const Outcome run = fovea({"preprocess", kCoffee, inside, "-o", path("x.npy")});
  ASSERT_EQ(run.code, 0) << run.err;
  const auto tensor = tasks::read_npy(path("x.npy"));
  EXPECT_EQ(to_string(tensor->type()), "u8[1x16x16x3]");
  const json answer = json::parse(fovea({"classify", inside, kCoffee, "--format", "json"}).out);
  const double first = answer["top"][0]["probability"], second = answer["top"][1]["probability"];
  EXPECT_NEAR(first + second, 1, 1e-5);
  EXPECT_TRUE(first > 0.74 || first < 0.73) << "softmax(softmax) of two classes lies between 0.5 and 0.731";
}

// ---- run

TEST_F(CliTest, RunWritesEachOutputUnderASafeName) {
  const std::string file = model("two.onnx", R"(graph g (f32[2] x) -> ("../a/b", c) {
    "../a/b" = Neg@13(x)
    c = Add@13(x, x)
  })");
  const Outcome run = fovea({"run", file, "-i", npy("x.npy", Tensor::of<float>({2}, {1, 2})), "-o", path("out")});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(tasks::read_npy(path("out/_.._a_b.npy"))->values<float>(), testing::ElementsAre(-1, -2));
  EXPECT_THAT(tasks::read_npy(path("out/c.npy"))->values<float>(), testing::ElementsAre(2, 4));
  EXPECT_THAT(run.out, HasSubstr("c  f32[2]  min 2, max 4, mean 3"));
}

TEST_F(CliTest, RunSaysWhatIsWrongWithInputs) {
  const std::string file = model("add.onnx", R"(graph g (f32[n] x, f32[n] y) -> (z) { z = Add@13(x, y) })");
  const std::string x = npy("x.npy", Tensor::of<float>({2}, {1, 2}));
  const std::string wide = npy("wide.npy", Tensor::of<double>({2}, {1, 2}));
  const std::string square = npy("square.npy", Tensor::of<float>({1, 2}, {1, 2}));
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"-i", "x=" + x}, "the input \"y\", f32[n], has no value"},
      {{"-i", "x=" + x, "-i", "x=" + x}, "twice"},
      {{"-i", x}, "names no input"},
      {{"-i", "z=" + x}, "names no input"},
      {{"-i", "x=" + x, "-i", "y=" + wide}, "the file holds f64"},
      {{"-i", "x=" + x, "-i", "y=" + square}, "the file holds f32[1x2]"},
      {{"--random"}, "its size is not known"},
  };
  for (const auto& [flags, expected] : cases) {
    std::vector<std::string> arguments = {"run", file};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Outcome run = fovea(arguments);
    EXPECT_EQ(run.code, 2) << run.err;
    EXPECT_THAT(run.err, HasSubstr(expected));
  }
  EXPECT_EQ(fovea({"run", file, "-i", "x=" + path("no.npy"), "-i", "y=" + x}).code, 1);
}

TEST_F(CliTest, RandomInputsRepeatThemselves) {
  const std::string file = model("add.onnx", R"(graph g (f32[n] x, i64[2] y) -> (x, y) {})");
  const std::vector<std::string> flags = {"run", file, "--random", "--shape", "x=5", "--format", "json"};
  const json first = json::parse(fovea(flags).out), again = json::parse(fovea(flags).out);
  EXPECT_EQ(first["outputs"], again["outputs"]);
  EXPECT_EQ(first["outputs"][0]["shape"], json({5}));
  EXPECT_EQ(first["outputs"][0]["file"], json());
}

TEST(RunCommand, ProfileGoesToStderr) {
  const Outcome run = fovea({"run", kDemo, "--random", "--shape", "input=1x3x128x128", "--profile"});
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.err, AllOf(HasSubstr("kernel"), HasSubstr("Conv")));
  EXPECT_THAT(run.out, StartsWith("output  f32[1x20]"));
}

// ---- preprocess, inspect, doctor

TEST_F(CliTest, PreprocessNeedsAModelOrAConfig) {
  const std::string config =
      write("preprocessor_config.json", R"({"image_processor_type": "ViTImageProcessor", "size": 96})");
  const Outcome run = fovea({"preprocess", kCoffee, "--config", config, "-o", path("x.npy"), "--format", "json"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(json::parse(run.out)["shape"], json({1, 3, 96, 96}));
  EXPECT_EQ(fovea({"preprocess", kCoffee, kDemo, "-o", path("y.npy")}).code, 0);
  EXPECT_EQ(fovea({"preprocess", kModels + "photos", kDemo, "-o", path("y.npy")}).code, 2);
  EXPECT_EQ(fovea({"preprocess", path("none.jpg"), kDemo, "-o", path("y.npy")}).code, 1);
  EXPECT_EQ(fovea({"preprocess", kCoffee, kDemo, "-o", path("no/such/folder/y.npy")}).code, 1);
}

TEST(Inspect, CountsWhatTheModelIsMadeOf) {
  const Outcome run = fovea({"inspect", kDemo, "--format", "json", "--passes"});
  ASSERT_EQ(run.code, 0) << run.err;
  const json model = json::parse(run.out);
  EXPECT_EQ(model["operators"]["Conv"], 15);
  EXPECT_EQ(model["inputs"][0]["shape"], json({"batch", 3, 128, 128}));
  EXPECT_EQ(model["opsets"][""], 20);
  EXPECT_GT(model["work"]["gmac"], 0.01);
  EXPECT_EQ(model["labels"]["count"], 20);
  EXPECT_GT(model["passes"]["passes"].size(), 1u);
  EXPECT_EQ(model["unsupported"], json::array());
  EXPECT_THAT(fovea({"inspect", kDemo}).out, AllOf(HasSubstr("Conv 15"), HasSubstr("GMAC")));
  EXPECT_THAT(fovea({"inspect", kDemo, "--graph"}).out, StartsWith("graph "));
}

TEST_F(CliTest, InspectListsAllThatIsUnsupportedAndEndsWithThree) {
  const std::string file = model("odd.onnx", R"(graph g (f32[2] x) -> (z) {
    y = StringNormalizer@13(x) "first"
    z = NoSuchOperator@13(y) "second"
  })");
  const Outcome run = fovea({"inspect", file});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.out, AllOf(HasSubstr("StringNormalizer"), HasSubstr("first"), HasSubstr("NoSuchOperator"),
                             HasSubstr("second")));
  EXPECT_EQ(fovea({"run", file, "--random"}).code, 3);
}

TEST(Doctor, NamesAllSixBackendsWithTheFix) {
  const Outcome run = fovea({"doctor"});
  EXPECT_EQ(run.code, 0);
  for (const char* name : {"native", "onnxruntime", "openvino", "torch", "tensorrt", "tvm"})
    EXPECT_THAT(run.out, HasSubstr(name));
  const json doctor = json::parse(fovea({"doctor", "--format", "json"}).out);
  EXPECT_EQ(doctor["backends"].size(), 6u);
  for (const json& backend : doctor["backends"])
    EXPECT_TRUE(backend["available"].get<bool>() || !backend["fix"].get<std::string>().empty());
  EXPECT_GE(doctor["cores"], 1);
}

}  // namespace
}  // namespace fovea::cli
