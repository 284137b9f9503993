#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/report_example.h"
#include "bench/report_text.h"
#include "bench/report_writers.h"

namespace fovea::bench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// The first line that holds both.
std::string line_with(const std::string& text, std::string_view a, std::string_view b) {
  for (const std::string& line : lines_of(text))
    if (line.find(a) != std::string::npos && line.find(b) != std::string::npos) return line;
  return {};
}

TEST(ReportTable, GroupsRowsAndPutsTheFastestFirst) {
  const std::string table = to_table(example_report(), 200, false);
  const size_t batch1 = table.find("resnet50, batch 1, 2 threads\n"),
               batch8 = table.find("resnet50, batch 8, 2 threads");
  ASSERT_NE(batch1, std::string::npos);
  ASSERT_NE(batch8, std::string::npos);
  const size_t bf16 = table.find("bf16"), baseline = table.find("  onnxruntime"), failed = table.find("failed: ");
  EXPECT_LT(batch1, bf16);
  EXPECT_LT(bf16, baseline);
  EXPECT_LT(baseline, failed);
  EXPECT_LT(failed, batch8);
}

TEST(ReportTable, ShowsAllColumnsOnAWideTerminal) {
  const std::string table = to_table(example_report(), 200, false);
  for (const char* title : {"median ms", "p90", "p99", "images/s", "ratio", "interval", "of peak", "rel. L2", "max/RMS",
                            "load s", "first s", "RSS MB", "disk MB", "bound by", "speed"})
    EXPECT_THAT(lines_of(table).front(), HasSubstr(title));
  const std::string native = line_with(table, "native", "1.208");
  for (const char* cell : {"31.0", "32.6", "37.2", "32.2", "1.196 – 1.220", "87 %", "2.3e-06", "9.2e-06", "0.690",
                           "0.041", "311", "29.0", "compute", "█"})
    EXPECT_THAT(native, HasSubstr(cell));
  EXPECT_THAT(line_with(table, "onnxruntime", "37.5"), HasSubstr("baseline"));
  EXPECT_THAT(table, Not(HasSubstr("not shown")));
}

TEST(ReportTable, MarksTheBestOfEachPrecisionAndWhatCannotBeToldFromIt) {
  const std::string table = to_table(example_report(), 200, false);
  EXPECT_THAT(line_with(table, "native", "1.208"), testing::StartsWith("* "));
  EXPECT_THAT(line_with(table, "openvino", "1.206"), testing::StartsWith("* "));  // 0.2 % behind, A and A differ by 0.9
  EXPECT_THAT(line_with(table, "native", "bf16"), testing::StartsWith("* "));
  EXPECT_THAT(line_with(table, "onnxruntime", "37.5"), testing::StartsWith("  "));
}

TEST(ReportTable, LinesNeverPassTheWidthAndWhatIsMissingIsNamed) {
  for (int width = 40; width <= 220; width += 7) {
    const std::string table = to_table(example_report(), width, false);
    bool repeated = false;
    for (const std::string& line : lines_of(table)) {
      repeated |= line.starts_with("repeat");
      EXPECT_TRUE(repeated || columns_of(line) <= width) << width << ": " << line;
    }
    EXPECT_TRUE(repeated);
    if (lines_of(table).front().find("disk MB") == std::string::npos) {
      EXPECT_THAT(table, HasSubstr("narrow")) << table;
    }
    EXPECT_THAT(lines_of(table).front(), AllOf(HasSubstr("backend"), HasSubstr("median ms")));
  }
}

TEST(ReportTable, ErrorsStayLongerThanDetails) {
  const std::string header = lines_of(to_table(example_report(), 80, false)).front();
  EXPECT_THAT(header, AllOf(HasSubstr("ratio"), HasSubstr("rel. L2"), HasSubstr("of peak")));
  EXPECT_THAT(header, AllOf(Not(HasSubstr("disk MB")), Not(HasSubstr("p99"))));
}

TEST(ReportTable, ColumnsLineUpWithNamesOfAnyScript) {
  Report report = example_report();
  report.rows[1].backend = "工作者";
  const std::string table = to_table(report, 200, false);
  const auto column_of = [&](std::string_view name, std::string_view cell) {
    const std::string line = line_with(table, name, cell);
    return columns_of(line.substr(0, line.find(cell))) + columns_of(cell);
  };
  EXPECT_EQ(column_of("工作者", "31.0"), column_of("onnxruntime", "37.5"));
}

TEST(ReportTable, FailedRowsSayWhyAndWhatHelps) {
  const std::string table = to_table(example_report(), 200, false);
  EXPECT_THAT(line_with(table, "torch", "fp32"), HasSubstr("failed: the worker died: <signal 9> & \"no\" | memory"));
  EXPECT_THAT(table, HasSubstr("fix: give the machine more memory, or compare fewer models at once"));
}

TEST(ReportTable, TheFooterSaysWhereTheFiguresComeFrom) {
  const std::string table = to_table(example_report(), 200, false);
  EXPECT_THAT(table, HasSubstr("AMD EPYC <7R13> (avx2), 2 cores, 7.8 GB, Linux 6.1"));
  EXPECT_THAT(table, HasSubstr("with 1 thread fp32 58.5; with 2 threads fp32 117 GMAC/s; reading memory 38.2 GB/s"));
  EXPECT_THAT(table, HasSubstr("12 that count for each row; up to 3 more were left out"));
  EXPECT_THAT(table,
              HasSubstr("onnxruntime beside itself: 1.001, 95 % within 0.992 – 1.009; no difference below 0.9 %"));
  EXPECT_THAT(table, HasSubstr("native fp32 1.153 (2 groups)"));
  EXPECT_THAT(table, HasSubstr("compute, the multiply-adds themselves"));
  EXPECT_THAT(table, HasSubstr("OpenVINO's own default for precision was overruled"));
  EXPECT_THAT(table, HasSubstr("repeat      fovea bench resnet50.onnx --backend native,onnxruntime\n"));
}

TEST(ReportTable, SpeedWithWrongAnswersIsNoSpeed) {
  Report report = example_report();
  report.rows[1].error = Distance{0.4, 2};
  const std::string table = to_table(report, 200, false);
  EXPECT_THAT(line_with(table, "native", "1.208"), testing::StartsWith("  "));
  EXPECT_THAT(line_with(table, "openvino", "1.206"), testing::StartsWith("* "));
  EXPECT_THAT(table, HasSubstr("WRONG       resnet50 native fp32, batch 1, 2 threads"));
}

TEST(ReportTable, StagesAndStepsHaveTablesOfTheirOwn) {
  const std::string table = to_table(example_report(), 200, false);
  EXPECT_THAT(line_with(table, "12 MP", "native"), AllOf(HasSubstr("18.2"), HasSubstr("51.3")));
  EXPECT_THAT(line_with(table, "stem|1", "gemm_avx2"), AllOf(HasSubstr("1.500"), HasSubstr("83 %")));
}

TEST(ReportTable, ColourIsUsedOnlyWhenAskedFor) {
  EXPECT_THAT(to_table(example_report(), 120, true), HasSubstr("\033[1m"));
  EXPECT_THAT(to_table(example_report(), 120, false), Not(HasSubstr("\033")));
  Report report = example_report();
  report.rows[0].backend = report.rows[4].failed.emplace("\033[31mred");
  EXPECT_THAT(to_table(report, 120, false), Not(HasSubstr("\033")));
}

TEST(ReportTable, NoRowsIsSaid) { EXPECT_EQ(to_table(Report(), 80, false), "no rows: nothing was compared\n"); }

TEST(ReportTable, AGroupOfFailuresOnlyIsShown) {
  Report report = example_report();
  report.rows = {report.rows[4]};
  EXPECT_THAT(to_table(report, 80, false), HasSubstr("failed: the worker died"));
  EXPECT_THAT(to_markdown(report), HasSubstr("torch fp32 failed"));
  EXPECT_THAT(to_html(report), HasSubstr("failed: the worker died"));
}

}  // namespace
}  // namespace fovea::bench
