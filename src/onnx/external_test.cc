// Weights in files beside the model: where they may lie.
#include <sys/stat.h>

#include <fstream>

#include <gmock/gmock.h>

#include "onnx/test_model.h"

namespace fovea::onnx {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

struct ExternalData : ::testing::Test {
  fs::path root = fs::path(::testing::TempDir()) /
                  (std::string("fovea_external_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
  fs::path folder = root / "model";
  std::string offset = "4", length = "8";

  ExternalData() {
    fs::remove_all(root);
    fs::create_directories(folder);
    write(folder / "w.bin", data());
    write(root / "secret.bin", data());
  }
  ~ExternalData() override { fs::remove_all(root); }

  static std::string data() {
    const float values[] = {9, 1, 2, 9};
    return {reinterpret_cast<const char*>(values), sizeof values};
  }
  static void write(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  std::string model(const std::string& location, const std::function<void(wire::Tensor&)>& change = {}) const {
    return changed(model_of("graph (f32[2] x) -> (y) { w = constant f32[2] {0, 0.5} y = Add@14(x, w) }"),
                   [&](wire::Model& m) {
                     wire::Tensor& tensor = *m.mutable_graph()->mutable_initializer(0);
                     tensor.clear_raw_data();
                     tensor.set_data_location(1);
                     const std::pair<const char*, std::string> entries[] = {
                         {"location", location}, {"offset", offset}, {"length", length}};
                     for (const auto& [key, value] : entries) {
                       wire::Entry& entry = *tensor.add_external_data();
                       entry.set_key(key);
                       entry.set_value(value);
                     }
                     if (change) change(tensor);
                   });
  }
  Result<Graph> load(const std::string& location) const {
    write(folder / "m.onnx", model(location));
    return read_model(folder / "m.onnx");
  }
  std::string refusal(const std::string& location) const {
    const auto graph = load(location);
    return graph ? "no error" : graph.error().to_string();
  }
};

void expect_weights(const Result<Graph>& graph) {
  ASSERT_TRUE(graph.ok()) << graph.error().to_string();
  EXPECT_THAT(graph->constant(*graph->find_value("w"))->values<float>(), ElementsAre(1, 2));
}

TEST_F(ExternalData, IsMapped) {
  expect_weights(load("w.bin"));
  expect_weights(load("./w.bin"));
  fs::create_directories(folder / "sub");
  fs::copy(folder / "w.bin", folder / "sub/w.bin");
  expect_weights(load("sub/w.bin"));
}

TEST_F(ExternalData, BelongsToAModelInMemoryOnlyWithItsFolder) {
  const std::string bytes = model("w.bin");
  expect_weights(read_model(std::as_bytes(std::span(bytes)), nullptr, folder));
  const auto refused = read_model(std::as_bytes(std::span(bytes)), nullptr);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().to_string(), HasSubstr("without a folder"));
}

TEST_F(ExternalData, LoadsFromHuggingFacesCache) {
  // snapshots/REVISION/ holds links to blobs/HASH, for the model as for its data.
  const fs::path blobs = root / "cache/blobs", snapshot = root / "cache/snapshots/abc/onnx";
  fs::create_directories(blobs);
  fs::create_directories(snapshot);
  write(blobs / "0123", model("model.onnx_data"));
  write(blobs / "4567", data());
  fs::create_symlink("../../../blobs/0123", snapshot / "model.onnx");
  fs::create_symlink("../../../blobs/4567", snapshot / "model.onnx_data");
  expect_weights(read_model(snapshot / "model.onnx"));
  // Through a link to the whole folder as well.
  fs::create_directory_symlink(snapshot, root / "latest");
  expect_weights(read_model(root / "latest/model.onnx"));
}

TEST_F(ExternalData, LiesBesideTheFileThatALinkToTheModelMeans) {
  write(folder / "m.onnx", model("w.bin"));
  fs::create_directories(root / "links");
  fs::create_symlink(folder / "m.onnx", root / "links/m.onnx");
  expect_weights(read_model(root / "links/m.onnx"));
}

TEST_F(ExternalData, NeverLeavesTheModelsFolder) {
  EXPECT_THAT(refusal("../secret.bin"), HasSubstr("outside the model's folder"));
  EXPECT_THAT(refusal("sub/../../secret.bin"), HasSubstr("outside the model's folder"));
  EXPECT_THAT(refusal((root / "secret.bin").string()), HasSubstr("absolute path"));
  EXPECT_THAT(refusal("/proc/self/environ"), HasSubstr("absolute path"));
  EXPECT_THAT(refusal(std::string("w.bin\0x", 7)), HasSubstr("usable location"));
  EXPECT_THAT(refusal(""), HasSubstr("usable location"));
  EXPECT_THAT(refusal("."), HasSubstr("out of the model's folder"));
  fs::create_symlink(root / "secret.bin", folder / "link.bin");
  EXPECT_THAT(refusal("link.bin"), HasSubstr("a link out of the model's folder"));
  fs::create_directory_symlink(root, folder / "up");
  EXPECT_THAT(refusal("up/secret.bin"), HasSubstr("a link out of the model's folder"));
  fs::create_symlink("/proc/self/environ", folder / "env");
  EXPECT_THAT(refusal("env"), HasSubstr("a link out of the model's folder"));
  fs::create_symlink("/dev/zero", folder / "zero");
  EXPECT_THAT(refusal("zero"), HasSubstr("a link out of the model's folder"));
  // A folder whose name begins like the model's is another one.
  fs::create_directories(root / "model2");
  write(root / "model2/w.bin", data());
  fs::create_symlink(root / "model2/w.bin", folder / "neighbour");
  EXPECT_THAT(refusal("neighbour"), HasSubstr("a link out of the model's folder"));
}

TEST_F(ExternalData, IsNoFifoNoFolderAndThere) {
  ASSERT_EQ(mkfifo((folder / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(refusal("fifo"), HasSubstr("not a regular file"));
  fs::create_directories(folder / "sub");
  EXPECT_THAT(refusal("sub"), HasSubstr("not a regular file"));
  EXPECT_THAT(refusal("missing.bin"), HasSubstr("missing.bin"));
  fs::create_symlink("loop", folder / "loop");
  EXPECT_THAT(refusal("loop"), HasSubstr("cannot be reached"));
}

TEST_F(ExternalData, FitsIntoItsFile) {
  for (const char* bad : {"-4", "9", "12", "16", "9223372036854775807", "9223372036854775800", "99999999999999999999",
                          "4 ", "0x4", "+4", ""}) {
    offset = bad;
    EXPECT_THAT(refusal("w.bin"), HasSubstr("initializer \"w\": ")) << bad;
  }
  offset = "4";
  for (const char* bad : {"7", "9", "-8", "0", "18446744073709551624", "x"}) {
    length = bad;
    EXPECT_THAT(refusal("w.bin"), HasSubstr("initializer \"w\": ")) << bad;
  }
}

TEST_F(ExternalData, HasOnlyTheKeysThatOnnxKnows) {
  const auto with_key = [&](const char* key) {
    const std::string bytes = model("w.bin", [&](wire::Tensor& t) {
      wire::Entry& entry = *t.add_external_data();
      entry.set_key(key);
      entry.set_value("1");
    });
    const auto graph = read_model(std::as_bytes(std::span(bytes)), nullptr, folder);
    return graph ? "no error" : graph.error().to_string();
  };
  EXPECT_EQ(with_key("checksum"), "no error");
  EXPECT_THAT(with_key("basepath"), HasSubstr("key \"basepath\""));
  EXPECT_THAT(with_key("offset"), HasSubstr("names \"offset\" twice"));
}

TEST_F(ExternalData, CountsAgainstTheLimit) {
  const std::string bytes = model("w.bin");
  const ReadOptions options{.max_bytes = static_cast<int64_t>(bytes.size()) + 15};
  const auto graph = read_model(std::as_bytes(std::span(bytes)), nullptr, folder, options);
  ASSERT_FALSE(graph.ok());
  EXPECT_EQ(graph.error().code, ErrorCode::out_of_memory);
}

}  // namespace
}  // namespace fovea::onnx
