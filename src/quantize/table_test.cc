// Against files that ONNX Runtime wrote: tools/make_calibration_tables.py.
#include "quantize/table.h"

#include <flatbuffers/flatbuffers.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text_file.h"
#include "quantize/table_formats.h"

namespace fovea::quantize {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string reference(const std::string& name) {
  return *read_text_file(FOVEA_SOURCE_DIR "/src/quantize/testdata/" + name);
}

TEST(Table, WritesWhatOnnxRuntimeWritesByteForByte) {
  for (const std::string name : {"minmax", "entropy"}) {
    const auto table = parse_table(reference(name + ".json"), TableFormat::json);
    ASSERT_TRUE(table.ok()) << table.error().to_string();
    EXPECT_EQ(*write_table(*table, TableFormat::json), reference(name + ".json"));
    EXPECT_EQ(*write_table(*table, TableFormat::cache), reference(name + ".cache"));
    EXPECT_EQ(*write_table(*table, TableFormat::flatbuffers), reference(name + ".flatbuffers"));
  }
}

TEST(Table, EveryFormatIsReadBackTheSame) {
  for (const std::string name : {"minmax", "entropy", "defect"})
    for (const std::string suffix : {".json", ".cache", ".flatbuffers"}) {
      const std::string bytes = reference(name + suffix);
      const auto format = detect_table(bytes);
      ASSERT_TRUE(format) << name + suffix;
      EXPECT_EQ(name_of(*format), suffix.substr(1));
      const auto table = parse_table(bytes, *format);
      ASSERT_TRUE(table.ok()) << table.error().to_string();
      if (suffix == ".json" || name != "defect") {
        EXPECT_EQ(*write_table(*table, *format), bytes) << name + suffix;
      }
    }
}

TEST(Table, JsonKnowsBothEndsAndTheHistogram) {
  const Table table = *parse_table(reference("entropy.json"), TableFormat::json);
  EXPECT_EQ(table.method, "Entropy");
  ASSERT_EQ(table.entries.size(), 2u);
  EXPECT_EQ(table.entries[0].range, (Range{-0.5f, 0.75f}));
  EXPECT_THAT(table.entries[0].counts, ElementsAre(1, 5, 0, 2));
  EXPECT_THAT(table.entries[0].edges, ElementsAre(-1, -0.5f, 0, 0.5f, 1));
  EXPECT_FALSE(table.magnitudes_only);
}

TEST(Table, OlderJsonIsAPlainDictionary) {
  const auto table = parse_table(R"({"x": [-1.5, 2], "y": [[0], [4.0]]})", TableFormat::json);
  ASSERT_TRUE(table.ok()) << table.error().to_string();
  EXPECT_EQ(table->find("x")->range, (Range{-1.5f, 2}));
  EXPECT_EQ(table->find("y")->range, (Range{0, 4}));
}

TEST(Table, TheLostMagnitudeIsMendedAndWarnedOf) {
  const Table json = *parse_table(reference("defect.json"), TableFormat::json);
  EXPECT_THAT(*write_table(json, TableFormat::cache), HasSubstr("conv 5.548999786376953"));
  EXPECT_THAT(*write_table(json, TableFormat::cache), HasSubstr("negative 3.0"));
  for (const std::string suffix : {".cache", ".flatbuffers"}) {
    const Table table = *parse_table(reference("defect" + suffix), *detect_table(reference("defect" + suffix)));
    ASSERT_EQ(table.notes.size(), 1u);
    EXPECT_THAT(table.notes[0], HasSubstr("1 tensors are certainly wrong"));
    EXPECT_NEAR(table.find("conv")->range.high, 1.1, 1e-6);
  }
}

TEST(Table, TensorRTsScalesAreHexadecimalFloats) {
  const std::string text =
      "TRT-8205-EntropyCalibration2\nonnx::Conv_329: 3c010a14\n(Unnamed Layer* 22) [Constant]_output: 3f800000\n";
  ASSERT_EQ(detect_table(text), TableFormat::tensorrt);
  const auto table = parse_table(text, TableFormat::tensorrt);
  ASSERT_TRUE(table.ok()) << table.error().to_string();
  EXPECT_EQ(table->tensorrt_version, 8205);
  EXPECT_NEAR(table->find("onnx::Conv_329")->range.high, 1.00024, 1e-5);
  EXPECT_EQ(table->entries[1].name, "(Unnamed Layer* 22) [Constant]_output");
  EXPECT_EQ(table->entries[1].range, (Range{-127, 127}));
  EXPECT_EQ(*write_table(*table, TableFormat::tensorrt), text);
}

TEST(Table, WhatIsNoTableIsSaidSo) {
  for (const std::string text : {"", "hello world", "name", "TRT", "\x89PNG\r\n"})
    EXPECT_FALSE(detect_table(text)) << text;
  for (const TableFormat format :
       {TableFormat::cache, TableFormat::json, TableFormat::flatbuffers, TableFormat::tensorrt}) {
    EXPECT_FALSE(parse_table("nothing of the kind", format).ok());
  }
  const auto wrong = parse_table("TRT-8205-EntropyCalibration2\nx: 3c010a1\n", TableFormat::tensorrt);
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().where, "line 2");
  EXPECT_FALSE(parse_table("TRT-8205-EntropyCalibration2\nx: 7fc00000\n", TableFormat::tensorrt).ok());  // NaN
  EXPECT_FALSE(parse_table(R"({"x": [2, 1]})", TableFormat::json).ok());
  EXPECT_FALSE(parse_table(R"({"x": "y"})", TableFormat::json).ok());
}

TEST(Table, DamagedFlatbuffersAreRefusedNotBelieved) {
  const std::string good = reference("minmax.flatbuffers");
  for (size_t i = 0; i < good.size(); ++i) {
    (void)parse_flatbuffers(good.substr(0, i)).ok();
    for (const char c : {'\x00', '\x7f', '\xff'}) {
      std::string bad = good;
      bad[i] = c;
      (void)parse_flatbuffers(bad).ok();
    }
  }
  EXPECT_FALSE(parse_flatbuffers(good.substr(0, good.size() / 2)).ok());
}

TEST(Table, EntriesOfAFlatbufferThatShareOneKeyAreRefused) {
  flatbuffers::FlatBufferBuilder builder;
  const auto key = builder.CreateString(std::string(500'000, 'k'));
  const auto value = builder.CreateString("1.0");
  const auto pair_start = builder.StartTable();
  builder.AddOffset(4, key);
  builder.AddOffset(6, value);
  const flatbuffers::Offset<void> pair = builder.EndTable(pair_start);
  constexpr size_t kEntries = 125'000;  // 60 GB of keys
  builder.StartVector(kEntries, sizeof(flatbuffers::uoffset_t));
  for (size_t i = 0; i < kEntries; ++i) builder.PushElement(pair);
  const flatbuffers::Offset<void> dict = builder.EndVector(kEntries);
  const auto start = builder.StartTable();
  builder.AddOffset(4, dict);
  builder.Finish(flatbuffers::Offset<void>(builder.EndTable(start)));
  const auto table = parse_flatbuffers({reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()});
  ASSERT_FALSE(table.ok());
  EXPECT_THAT(table.error().message, HasSubstr("share their keys"));
}

TEST(Table, ShortNamesAreNoSharedKeys) {
  Table table;
  for (int i = 0; i < 300; ++i)
    table.entries.push_back({std::string(1, static_cast<char>('a' + i % 26)), {-1, 1}, false, false, {}, {}});
  const auto again = parse_flatbuffers(*write_flatbuffers(table));
  ASSERT_TRUE(again.ok()) << again.error().to_string();
  EXPECT_EQ(again->entries.size(), 300u);
}

TEST(Table, JsonOfUnreasonableSizeIsRefusedBeforeItIsParsed) {
  std::string many = "{";
  for (int i = 0; i < 1'000'000; ++i) many += (i ? ",\"" : "\"") + std::to_string(i) + "\":[0,1]";
  const auto table = parse_json(many + "}");
  ASSERT_FALSE(table.ok());
  EXPECT_THAT(table.error().message, HasSubstr("too many"));
  std::string some = "{";  // colons and quotation marks within names count for nothing
  for (int i = 0; i < 15'000; ++i) some += (i ? ",\":::" : "\":::") + std::to_string(i) + "\\\"\":[0,1]";
  EXPECT_TRUE(parse_json(some + "}").ok());
  const std::string deep = "{\"x\":[" + std::string(1'000'000, '[') + "1" + std::string(1'000'000, ']') + ",2]}";
  EXPECT_THAT(parse_json(deep).error().message, HasSubstr("nested"));
  EXPECT_FALSE(parse_json(R"({"x": [[[[[1]]]], 2]})").ok());
}

TEST(Table, RangesAreFiniteFloats) {
  for (const char* number : {"inf", "-inf", "nan", "1e39", "-1e300"}) {
    const auto table = parse_cache(std::string("x ") + number + "\n");
    ASSERT_FALSE(table.ok()) << number;
    EXPECT_EQ(table.error().where, "line 1");
  }
  Table infinite;
  infinite.entries.push_back({"x", {0, std::numeric_limits<float>::infinity()}, false, false, {}, {}});
  EXPECT_THAT(parse_flatbuffers(*write_flatbuffers(infinite)).error().message, HasSubstr("makes no range"));
  EXPECT_FALSE(parse_json(*write_json(infinite)).ok());
  EXPECT_FALSE(parse_table("TRT-8205-X\nx: 7f000000\n", TableFormat::tensorrt).ok());  // 127 times that is infinite
  EXPECT_TRUE(parse_table("TRT-8205-X\nx: 7b000000\n", TableFormat::tensorrt).ok());
  for (const char* text :
       {R"({"x": [-1e300, 1]})", R"({"x": [0, 1e39]})", R"({"x": {"lowest": 0, "highest": {"data": [1e300]}}})",
        R"({"x": {"lowest": 0, "highest": 1, "hist": {"data": [1e300]}}})",
        R"({"x": {"lowest": 0, "highest": 1, "hist": {"data": [1.5]}}})",
        R"({"x": {"lowest": 0, "highest": 1, "hist": {"data": [18446744073709551615]}}})",
        R"({"x": {"lowest": 0, "highest": 1, "bins": {"data": [1e300]}}})"})
    EXPECT_FALSE(parse_json(text).ok()) << text;
  const auto good = parse_json(R"({"x": {"lowest": 0, "highest": 1, "hist": {"data": [3.0, 4]}}})");
  ASSERT_TRUE(good.ok()) << good.error().to_string();
  EXPECT_THAT(good->entries[0].counts, ElementsAre(3, 4));
}

TEST(Table, FilesSayTheirFormatByTheirName) {
  const auto folder = std::filesystem::path(testing::TempDir()) / ("tables-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const Table table = *parse_table(reference("minmax.json"), TableFormat::json);
  for (const char* name : {"a.cache", "a.flatbuffers", "a.json", "a.trt"}) {
    ASSERT_TRUE(write_table_file(table, folder / name).ok());
    const auto again = read_table_file(folder / name);
    ASSERT_TRUE(again.ok()) << again.error().to_string();
    ASSERT_EQ(again->entries.size(), table.entries.size());
    for (const TableEntry& entry : again->entries)
      EXPECT_NEAR(entry.range.reach() / table.find(entry.name)->range.reach(), 1, 1e-6) << name << " " << entry.name;
  }
  EXPECT_THAT(write_table_file(table, folder / "a.table").error().fix, HasSubstr(".json"));
  EXPECT_THAT(read_table_file(FOVEA_SOURCE_DIR "/README.md").error().message, HasSubstr("no calibration table"));
  std::filesystem::remove_all(folder);
}

TEST(PythonNumber, IsReprOfAFloat) {
  for (const auto& [value, text] : std::vector<std::pair<double, std::string>>{{3, "3.0"},
                                                                               {0.1, "0.1"},
                                                                               {1e-5, "1e-05"},
                                                                               {1.5e-7, "1.5e-07"},
                                                                               {0.0001, "0.0001"},
                                                                               {1e16, "1e+16"},
                                                                               {123456789012345, "123456789012345.0"},
                                                                               {-2.5e300, "-2.5e+300"},
                                                                               {0, "0.0"},
                                                                               {-0.0, "-0.0"},
                                                                               {1234.5, "1234.5"}})
    EXPECT_EQ(python_number(value), text);
}

}  // namespace
}  // namespace fovea::quantize
