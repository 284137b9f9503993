#include "bench/report_text.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fovea::bench {
namespace {

using testing::ElementsAre;

TEST(ReportText, ColumnsAreWhatATerminalShows) {
  EXPECT_EQ(columns_of(""), 0);
  EXPECT_EQ(columns_of("resnet50"), 8);
  EXPECT_EQ(columns_of("é"), 1);
  EXPECT_EQ(columns_of("e\u0301"), 1);  // with a combining accent
  EXPECT_EQ(columns_of("模型"), 4);
  EXPECT_EQ(columns_of("🚀"), 2);
  EXPECT_EQ(columns_of("█▌"), 2);
  EXPECT_EQ(columns_of("\xff\xfe"), 2);       // no UTF-8: a byte is a column
  EXPECT_EQ(columns_of("a\xed\xa0\x80"), 4);  // a surrogate is none either
}

TEST(ReportText, PaddingCountsColumnsAndNotBytes) {
  EXPECT_EQ(pad_right("é", 3), "é  ");
  EXPECT_EQ(pad_left("模", 3), " 模");
  EXPECT_EQ(pad_left("long", 2), "long");
}

TEST(ReportText, ShortenCutsWholeCharacters) {
  EXPECT_EQ(shorten("native", 6), "native");
  EXPECT_EQ(shorten("onnxruntime", 5), "onnx…");
  EXPECT_EQ(columns_of(shorten("模型模型", 6)), 5);  // half of a wide character is no choice
}

TEST(ReportText, WrapBreaksAtSpacesAndWhereItMust) {
  EXPECT_THAT(wrap("one two  three", 8), ElementsAre("one two", "three"));
  EXPECT_THAT(wrap("/a/very/long/path x", 6), ElementsAre("/a/ver", "y/long", "/path", "x"));
  EXPECT_THAT(wrap("", 10), ElementsAre(""));
  EXPECT_THAT(wrap("模型 模型", 4), ElementsAre("模型", "模型"));
}

TEST(ReportText, NothingThatDrivesATerminalPasses) {
  EXPECT_EQ(printable_utf8("a\033[31m\n\tb"), "a [31m  b");
  EXPECT_EQ(printable_utf8("a\u202Eb\u0085c"), "a b c");  // right-to-left override, next line
  EXPECT_EQ(printable_utf8("a\xff"), "a\uFFFD");
  EXPECT_EQ(printable_utf8("naïve"), "naïve");
}

TEST(ReportText, HtmlKeepsTextText) {
  EXPECT_EQ(html_text(R"(<b a="1" c='2'> & x)"), "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt; &amp; x");
}

TEST(ReportText, FiguresHaveThreeSignificantDigits) {
  EXPECT_EQ(short_text(0.0412), "0.041");
  EXPECT_EQ(short_text(1.234), "1.23");
  EXPECT_EQ(short_text(311.2), "311");
  EXPECT_EQ(short_text(NAN), "-");
  EXPECT_EQ(decimals_for(31.4), 1);
  EXPECT_EQ(decimals_for(0), 0);
  EXPECT_EQ(error_text(0), "0");
  EXPECT_EQ(error_text(1.234e-6), "1.2e-06");
  EXPECT_EQ(error_text(INFINITY), "inf");
  EXPECT_EQ(percent_text(0.874), "87 %");
}

TEST(ReportText, BarsAreExactToAnEighth) {
  EXPECT_EQ(bar_text(1, 1, 3), "███");
  EXPECT_EQ(bar_text(0.5, 1, 3), "█▌");
  EXPECT_EQ(bar_text(1e-9, 1, 3), "▏");  // little is not nothing
  EXPECT_EQ(bar_text(2, 1, 3), "███");
  EXPECT_EQ(bar_text(1, 0, 3), "");
}

}  // namespace
}  // namespace fovea::bench
