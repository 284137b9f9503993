// The engine cache: it never gives a wrong answer, whatever happens to its files, and never stands in the way.
#include "backends/native/engine_cache.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backends/native/engine_key.h"
#include "backends/registry.h"
#include "graph/text.h"
#include "onnx/write.h"

namespace fovea::backends {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string network(int seed) {
  return R"(graph g (f32[batch,3,8,8] image) -> (y) {
    stem = constant f32[16,3,3,3] random()" +
         std::to_string(seed) + R"()
    weight = constant f32[1024,40] random(5)
    shape = constant i64[2] {0, -1}
    a = Conv@21(image, stem) {pads=[1, 1, 1, 1]}
    b = Relu@21(a)
    c = Reshape@21(b, shape)
    y = MatMul@21(c, weight)
  })";
}

class EngineCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "fovea-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    model_ = folder_ / "m.onnx";
    write_model(1);
    options_.cache = folder_ / "cache";
    options_.threads = 2;
    input_ = *Tensor::allocate(DType::f32, {1, 3, 8, 8});
    for (int64_t i = 0; i < input_.size(); ++i) input_.mutable_view().as<float>()[i] = static_cast<float>(i % 17) - 8;
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write_model(int seed) const {
    const auto graph = parse_graph(network(seed));
    ASSERT_TRUE(graph.ok()) << graph.error().to_string();
    ASSERT_TRUE(onnx::write_model(*graph, model_.string()).ok());
  }

  /// The answer, and what the engine says of the cache.
  Tensor answer(const CompileOptions& options, std::string* cache = nullptr) const {
    const auto engine = compile({model_, nullptr}, options);
    EXPECT_TRUE(engine.ok()) << engine.error().to_string();
    if (!engine.ok()) return {};
    if (cache) *cache = (*engine)->facts().empty() ? "" : (*engine)->facts().front().value;
    const auto outputs = (*engine)->run(std::vector<Tensor>{input_});
    EXPECT_TRUE(outputs.ok()) << outputs.error().to_string();
    return outputs.ok() ? outputs->front() : Tensor();
  }
  Tensor answer() const { return answer(options_); }
  Tensor uncached_answer() const {
    CompileOptions plain = options_;
    plain.cache.clear();
    return answer(plain);
  }
  void expect_right(const char* when) const { expect_equal(answer(), uncached_answer(), when); }
  static void expect_equal(const Tensor& a, const Tensor& b, const char* when) {
    ASSERT_EQ(a.type(), b.type()) << when;
    EXPECT_EQ(std::memcmp(a.raw(), b.raw(), a.bytes()), 0) << when;
  }
  /// Whether the cache serves the engine as its files lie.
  bool hit() const {
    std::string cache;
    answer(options_, &cache);
    return !cache.empty() && !cache.starts_with("made ");
  }

  std::vector<fs::path> engines() const {
    std::vector<fs::path> list;
    std::error_code failed;  // other processes write there
    for (fs::directory_iterator it(options_.cache, failed), end; !failed && it != end; it.increment(failed))
      if (it->path().extension() == ".fovea") list.push_back(it->path());
    return list;
  }
  static std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void write(const fs::path& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  fs::path folder_, model_;
  CompileOptions options_;
  Tensor input_;
};

TEST_F(EngineCacheTest, TheSecondTimeItServes) {
  EXPECT_FALSE(hit());
  ASSERT_EQ(engines().size(), 1u);
  EXPECT_TRUE(hit());
  expect_right("served");
}

TEST_F(EngineCacheTest, EachSetOfFlagsKeepsItsEngine) {
  hit();
  CompileOptions one = options_;
  one.threads = 1;
  std::string cache;
  expect_equal(answer(one, &cache), uncached_answer(), "1 thread");
  EXPECT_THAT(cache, HasSubstr("made"));
  CompileOptions shaped = options_;
  shaped.shapes["image"] = {1, 3, 8, 8};
  answer(shaped, &cache);
  EXPECT_THAT(cache, HasSubstr("made"));
  EXPECT_EQ(engines().size(), 3u);
  EXPECT_TRUE(hit());
}

TEST_F(EngineCacheTest, AChangedModelIsSeen) {
  hit();
  EXPECT_TRUE(hit());
  struct stat before {};
  ASSERT_EQ(stat(model_.c_str(), &before), 0);
  write_model(2);
  struct stat after {};
  ASSERT_EQ(stat(model_.c_str(), &after), 0);
  ASSERT_EQ(before.st_size, after.st_size);
  const timespec times[] = {before.st_atim, before.st_mtim};  // as tools that keep times do
  ASSERT_EQ(utimensat(AT_FDCWD, model_.c_str(), times, 0), 0);
  EXPECT_FALSE(hit());
  EXPECT_TRUE(hit());
  expect_right("changed");
}

TEST_F(EngineCacheTest, OtherPartsOfTheKeyAreSeen) {
  hit();
  const fs::path path = engines().at(0);
  const auto file = cpu::EngineFile::open(path);
  ASSERT_TRUE(file.ok());
  const cpu::EngineKey key = (*file)->key();
  for (const char* name : {"fovea", "code", "passes", "isa", "cpu", "caches", "threads", "precision", "options",
                           "tuned", "shapes", "path", "model", "data files", "data"}) {
    cpu::EngineKey other = key;
    const auto at = std::ranges::find(other, name, &cpu::KeyField::name);
    ASSERT_NE(at, other.end()) << name;
    at->value += "x";
    std::vector<std::byte> body((*file)->body().begin(), (*file)->body().end());
    std::vector<Tensor> tensors((*file)->tensors().begin(), (*file)->tensors().end());
    ASSERT_TRUE(cpu::write_engine_file(path, other, body, tensors, 1).ok());
    EXPECT_FALSE(hit()) << name;  // and made again
    EXPECT_TRUE(hit()) << name;
    EXPECT_THAT(describe_differences(other, key), HasSubstr(name));
  }
}

TEST_F(EngineCacheTest, ADamagedFileIsMadeAgain) {
  options_.threads = 1;
  const Tensor right = uncached_answer();
  hit();
  const fs::path path = engines().at(0);
  const std::string bytes = read(path);
  std::mt19937 random(3);
  for (int i = 0; i < 300; ++i) {
    std::string changed = bytes;
    const size_t at = i < 64 ? static_cast<size_t>(i) : random() % bytes.size();
    changed[at] = static_cast<char>(changed[at] ^ (1 << random() % 8));
    if (i % 3 == 1) changed.resize(random() % changed.size());
    write(path, changed);
    expect_equal(answer(), right, "flipped");
  }
  EXPECT_TRUE(hit());
}

TEST_F(EngineCacheTest, DamagedNotesDoNoHarm) {
  hit();
  EXPECT_TRUE(hit());
  for (const auto& entry : fs::directory_iterator(options_.cache))
    if (entry.path().extension() == ".files") write(entry.path(), "nonsense");
  EXPECT_TRUE(hit());
}

TEST_F(EngineCacheTest, ManyProcessesMayWriteAtOnce) {
  const Tensor right = uncached_answer();
  std::vector<pid_t> children;
  for (int i = 0; i < 16; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      bool good = true;
      for (int round = 0; round < 4; ++round) {
        std::error_code failed;
        if (round == 2)
          for (const fs::path& path : engines()) fs::remove(path, failed);
        const Tensor got = answer();
        good = good && got.bytes() == right.bytes() && std::memcmp(got.raw(), right.raw(), right.bytes()) == 0;
      }
      _exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  hit();
  EXPECT_TRUE(hit());
}

TEST_F(EngineCacheTest, AWriterThatIsKilledLeavesNothingHalf) {
  const Tensor right = uncached_answer();
  for (int i = 0; i < 40; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      for (;;) {
        std::error_code failed;
        for (const fs::path& path : engines()) fs::remove(path, failed);
        answer();
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(3 + i));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    for (const fs::path& path : engines()) {
      const auto file = cpu::EngineFile::open(path);
      EXPECT_TRUE(file.ok() && (*file)->verify(1).ok());
    }
    expect_equal(answer(), right, "after a kill");
  }
}

TEST_F(EngineCacheTest, WhatKilledWritersLeftGoes) {
  hit();
  const fs::path path = engines().at(0), old = path.string() + ".abc123", young = path.string() + ".def456";
  write(old, "half");
  write(young, "half");
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(2));
  fs::remove(path);
  hit();
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(young));  // somebody may be writing it
}

TEST_F(EngineCacheTest, AFullDiskIsNoError) {
  const Tensor right = uncached_answer();
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{50000, 50000};  // of the size of a file: writing beyond fails as on a full disk
    setrlimit(RLIMIT_FSIZE, &limit);
    const Tensor got = answer();
    const bool good = got.bytes() == right.bytes() && std::memcmp(got.raw(), right.raw(), right.bytes()) == 0;
    _exit(good && engines().empty() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  for (const auto& entry : fs::directory_iterator(options_.cache)) EXPECT_NE(entry.path().extension(), ".fovea");
}

TEST_F(EngineCacheTest, AFolderThatCannotBeIsNoError) {
  write(folder_ / "file", "x");
  options_.cache = folder_ / "file" / "cache";
  expect_equal(answer(), uncached_answer(), "no folder");
}

TEST_F(EngineCacheTest, AnotherBatchJoinsTheFile) {
  hit();
  Tensor two = *Tensor::allocate(DType::f32, {2, 3, 8, 8});
  for (int round = 0; round < 2; ++round) {
    const auto engine = compile({model_, nullptr}, options_);
    ASSERT_TRUE(engine.ok());
    const auto got = (*engine)->run(std::vector<Tensor>{two});
    ASSERT_TRUE(got.ok()) << got.error().to_string();
    EXPECT_EQ(got->front().shape(), (Shape{2, 40}));
  }
  const auto file = cpu::EngineFile::open(engines().at(0));
  ASSERT_TRUE(file.ok());
  cpu::EngineOptions options;
  options.threads = 2;
  EXPECT_EQ((*cpu::Engine::load(**file, options))->plan_count(), 2u);
  EXPECT_TRUE(hit());
  expect_right("beside another batch");
}

TEST_F(EngineCacheTest, ExternalDataCounts) {
  // A weight that lies beside the model, as ONNX has it.
  const auto graph = parse_graph(network(1));
  ASSERT_TRUE(graph.ok());
  ASSERT_TRUE(onnx::write_model(*graph, model_.string(), {.external_from = 1000}).ok());
  const fs::path data = model_.string() + ".data";
  ASSERT_TRUE(fs::exists(data));
  const auto age = [&] {  // files that have just been written are not trusted
    std::this_thread::sleep_for(std::chrono::milliseconds(3100));
  };
  age();
  EXPECT_FALSE(hit());
  EXPECT_TRUE(hit());
  std::string bytes = read(data);
  bytes[4] = static_cast<char>(bytes[4] ^ 0x40);
  write(data, bytes);
  EXPECT_FALSE(hit());
  expect_right("other data");
  age();
  EXPECT_FALSE(hit());
  EXPECT_TRUE(hit());
  fs::remove(data);
  EXPECT_FALSE(compile({model_, nullptr}, options_).ok());
}

}  // namespace
}  // namespace fovea::backends
