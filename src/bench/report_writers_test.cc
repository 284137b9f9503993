// Markdown, CSV, JSON lines and HTML.
#include "bench/report_writers.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "bench/report_example.h"

namespace fovea::bench {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

size_t count(std::string_view text, std::string_view part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++found;
  return found;
}

std::vector<json> objects_of(const std::string& lines) {
  std::vector<json> objects;
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);) objects.push_back(json::parse(line));
  return objects;
}

// ---- Markdown

TEST(ReportMarkdown, IsATableForEachGroup) {
  const std::string text = to_markdown(example_report());
  EXPECT_THAT(text, HasSubstr("### resnet50, batch 1, 2 threads\n\n| backend | precision | median ms |"));
  EXPECT_THAT(text, HasSubstr("\n| --- | --- | ---: |"));
  EXPECT_THAT(text, HasSubstr("| **native** | **fp32** | **31.0** |"));
  EXPECT_THAT(text, HasSubstr("| onnxruntime | fp32 | 37.5 |"));
  EXPECT_THAT(text, HasSubstr("- repeat: `fovea bench resnet50.onnx --backend native,onnxruntime`\n"));
}

TEST(ReportMarkdown, TextStaysText) {
  EXPECT_THAT(to_markdown(example_report()),
              HasSubstr(R"(failed: the worker died: \<signal 9\> \& "no" \| memory; fix: )"));
  Report report = example_report();
  report.command = "fovea bench a`b.onnx";
  EXPECT_THAT(to_markdown(report), HasSubstr("`` fovea bench a`b.onnx ``"));
}

// ---- CSV

TEST(ReportCsv, IsOneRecordForEachRow) {
  const std::string text = to_csv(example_report());
  EXPECT_EQ(count(text, "\r\n"), 7u);
  EXPECT_THAT(text, StartsWith("model,backend,library,precision,batch,threads,min_ms,median_ms,p90_ms,p99_ms,"));
  EXPECT_THAT(text,
              HasSubstr("\r\nresnet50,native,Some Runtime 1.2,fp32,1,2,30.4192,31.04,32.592,37.248,32.2165,1.208,"));
  EXPECT_THAT(text, HasSubstr("resnet50,torch,,fp32,1,2,,,,,,,,,,,,,,,,,,,\"the worker died: <signal 9> & \"\"no\"\" | "
                              "memory\",\"give the machine more memory, or"));
}

// ---- JSON lines

TEST(ReportJson, BeginsWithTheMachineAndHasTheAgreedFields) {
  const auto objects = objects_of(to_json_lines(example_report()));
  ASSERT_EQ(objects.size(), 7u);
  EXPECT_THAT(to_json_lines(example_report()), StartsWith(R"({"machine":)"));
  EXPECT_EQ(objects[0]["machine"]["cores"], 2);
  EXPECT_EQ(objects[0]["machine"]["peaks"][1]["gmac_per_s"], 117);
  EXPECT_EQ(objects[0]["baseline"], "onnxruntime");
  const json& row = objects[2];
  for (const char* key : {"model", "backend", "precision", "batch", "threads", "ms", "images_per_s", "ratio",
                          "peak_fraction", "error", "load_s", "first_s", "rss_mb"})
    EXPECT_TRUE(row.contains(key)) << key;
  EXPECT_EQ(row["ms"], json::parse(R"({"min": 30.4192, "median": 31.04, "p90": 32.592, "p99": 37.248})"));
  EXPECT_EQ(row["ratio"], 1.208);
  EXPECT_EQ(row["error"]["rel_l2"], 2.3e-6);
  EXPECT_EQ(row["error"]["max_over_rms"], 9.2e-6);
  EXPECT_EQ(objects[5]["failed"], "the worker died: <signal 9> & \"no\" | memory");
  EXPECT_FALSE(objects[5].contains("ms"));
}

TEST(ReportJson, ComesBackAsItWas) {
  const std::string text = to_json_lines(example_report());
  const auto report = read_json_lines(text);
  ASSERT_TRUE(report.ok()) << report.error().to_string();
  EXPECT_EQ(to_json_lines(*report), text);
  EXPECT_EQ(to_table(*report, 200, false), to_table(example_report(), 200, false));
  EXPECT_EQ(to_html(*report), to_html(example_report()));
}

TEST(ReportJson, DistancesThatAreNoNumberComeBackAsInfinite) {
  Report report = example_report();
  report.rows[1].error = Distance{INFINITY, NAN};
  const auto back = read_json_lines(to_json_lines(report));
  ASSERT_TRUE(back.ok());
  EXPECT_TRUE(std::isinf(back->rows[1].error->rel_l2));
  EXPECT_TRUE(std::isinf(back->rows[1].error->max_over_rms));
}

TEST(ReportJson, UnknownFieldsAndBlankLinesAreLeftAlone) {
  const auto report = read_json_lines(
      "\n{\"machine\": {\"cpu\": \"x\", \"new\": [1]}, \"more\": null}\r\n\n"
      "{\"model\": \"m\", \"backend\": \"b\", \"ms\": {\"median\": 2}, \"later\": {}}");
  ASSERT_TRUE(report.ok()) << report.error().to_string();
  ASSERT_EQ(report->rows.size(), 1u);
  EXPECT_EQ(report->rows[0].precision, "fp32");
  EXPECT_EQ(report->rows[0].ms.p99, 2);
  EXPECT_EQ(report->rows[0].images_per_s, 500);
  EXPECT_FALSE(report->rows[0].error.has_value());
}

TEST(ReportJson, DamageIsNamedWithItsLine) {
  const std::string first = "{\"machine\": {}}\n";
  const std::pair<std::string, const char*> cases[] = {
      {"", "holds no report"},
      {"\n \n", "holds no report"},
      {"no JSON", "line 1: the text is no valid JSON"},
      {"[1]", "line 1: a line should hold an object"},
      {"{}", "line 1: it does not begin with a \"machine\""},
      {"{\"machine\": []}", "\"machine\" should be an object"},
      {"{\"machine\": {\"cores\": -1}}", "line 1: machine: \"cores\" is -1"},
      {first + "{", "line 2: the text is no valid JSON"},
      {first + "{\"model\": \"m\"}", "line 2: a row needs"},
      {first + R"({"model": "m", "backend": "b"})", "neither \"ms\" nor \"failed\""},
      {first + R"({"model": "m", "backend": "b", "ms": {"median": 0}})", "no \"median\" above 0"},
      {first + R"({"model": "m", "backend": "b", "batch": 0, "failed": "x"})", "\"batch\" is 0"},
      {first + R"({"model": "m", "backend": "b", "threads": 1e12, "failed": "x"})", "\"threads\" is 1000000000000"},
      {first + R"({"model": "m", "backend": "b", "failed": 3})", "\"failed\" should be text"},
      {first + R"({"model": "m", "backend": "b", "ms": {"median": 1}, "ratio": 1, "ratio_interval": [1]})",
       "two numbers"},
      {first + R"({"model": "m", "backend": "b", "ms": {"median": 1}, "steps": [1]})", "should hold objects"},
      {first + R"({"model": "m", "backend": "b", "failed": "x", "facts": [1]})", "should hold text"},
  };
  for (const auto& [text, message] : cases) {
    const auto report = read_json_lines(text);
    ASSERT_FALSE(report.ok()) << text;
    EXPECT_EQ(report.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(report.error().to_string(), AllOf(HasSubstr(message), HasSubstr("fovea bench --format json"))) << text;
  }
}

TEST(ReportJson, AnyCutIsAnErrorOrAReport) {
  const std::string text = to_json_lines(example_report());
  for (size_t length = 0; length < text.size(); length += 13) (void)read_json_lines(text.substr(0, length));
}

// ---- HTML

TEST(ReportHtml, NeedsNothingFromElsewhere) {
  const std::string html = to_html(example_report());
  EXPECT_THAT(html, StartsWith("<!DOCTYPE html>"));
  for (const char* link : {"http://", "https://", "<script", "<link", "@import", "url(", "src="})
    EXPECT_THAT(html, Not(HasSubstr(link)));
  EXPECT_THAT(html, AllOf(HasSubstr("prefers-color-scheme: dark"), HasSubstr("@media print")));
}

TEST(ReportHtml, HasBarsDotsAndTableOfEachGroup) {
  const std::string html = to_html(example_report());
  EXPECT_EQ(count(html, "<svg class=\"bars\""), 3u);  // of all together, and one of each group
  EXPECT_EQ(count(html, "<svg class=\"dots\""), 1u);  // not of a single row
  EXPECT_EQ(count(html, "<svg"), count(html, "</svg>"));
  EXPECT_EQ(count(html, "<path"), 4u);   // a dot for each row with an error
  EXPECT_EQ(count(html, "<table"), 5u);  // with stages, steps and facts
  EXPECT_EQ(count(html, "<section"), count(html, "</section>"));
  EXPECT_THAT(html,
              HasSubstr("<tr class=\"best\"><td class=\"left\">native</td><td class=\"left\">bf16</td><td>19.8</td>"));
  EXPECT_THAT(html, HasSubstr("<code>fovea bench resnet50.onnx --backend native,onnxruntime</code>"));
}

TEST(ReportHtml, EscapesAllThatComesFromOutside) {
  Report report = example_report();
  for (Row& row : report.rows) row.model = row.backend = row.library = row.bound_by = "<img \"'&>";
  report.rows[1].stages[0].photo = report.rows[1].steps[0].node = report.rows[1].steps[0].kernel = "<img \"'&>";
  report.command = report.baseline = report.version = report.date = report.machine.cpu = "<img \"'&>";
  report.notes = {"<img \"'&>"};
  const std::string html = to_html(report);
  EXPECT_THAT(html, Not(HasSubstr("<img")));
  EXPECT_THAT(html, HasSubstr("&lt;img &quot;&#39;&amp;&gt;"));
}

TEST(ReportHtml, ADotWithoutErrorLiesOnTheFloorAndOneAtInfinityIsLeftOut) {
  Report report = example_report();
  report.rows[0].error = Distance{0, 0};
  report.rows[1].error = Distance{INFINITY, INFINITY};
  const std::string html = to_html(report);
  EXPECT_EQ(count(html, "<path"), 3u);
  EXPECT_THAT(html, AllOf(Not(HasSubstr("inf\"")), Not(HasSubstr("nan"))));
}

}  // namespace
}  // namespace fovea::bench
