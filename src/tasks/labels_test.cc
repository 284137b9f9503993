// Label files in all their forms.
#include "tasks/labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fovea::tasks {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Labels, OneALine) {
  EXPECT_THAT(*parse_labels("cat\ndog\nowl\n"), ElementsAre("cat", "dog", "owl"));
  EXPECT_THAT(*parse_labels("cat\r\ndog, hound\r\n\r\n"), ElementsAre("cat", "dog, hound"));
  EXPECT_THAT(*parse_labels("\xef\xbb\xbf"
                            "Käse\nBrot"),
              ElementsAre("Käse", "Brot"));
}

TEST(Labels, AnEmptyLineKeepsItsIndex) { EXPECT_THAT(*parse_labels("cat\n\nowl"), ElementsAre("cat", "", "owl")); }

TEST(Labels, JsonListAndObject) {
  EXPECT_THAT(*parse_labels(R"( ["cat", "dog"])"), ElementsAre("cat", "dog"));
  EXPECT_THAT(*parse_labels(R"({"1": "dog", "0": "cat", "10": "k"})"),
              ElementsAre("cat", "dog", "", "", "", "", "", "", "", "", "k"));
}

TEST(Labels, KerasClassIndex) {
  EXPECT_THAT(*parse_labels(R"({"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]})"),
              ElementsAre("tench", "goldfish"));
}

TEST(Labels, WhatIsNoLabelFileIsRefused) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "no labels"},
      {"\n\n", "no labels"},
      {"[\"cat\"", "no valid JSON"},
      {R"({"cat": 0})", "class index"},
      {R"({"0": 5})", "no text"},
      {R"({"99999999": "x"})", "beyond"},
      {R"({"-1": "x"})", "class index"},
      {"[1, 2]", "no text"},
  };
  for (const auto& [text, expected] : cases) {
    const auto labels = parse_labels(text);
    ASSERT_FALSE(labels.ok()) << text;
    EXPECT_THAT(labels.error().to_string(), HasSubstr(expected)) << text;
  }
}

TEST(Labels, ImagenetHasItsThousandInOrder) {
  const auto labels = imagenet_labels();
  ASSERT_EQ(labels.size(), 1000u);
  EXPECT_EQ(labels[0], "tench, Tinca tinca");
  EXPECT_THAT(std::string(labels[504]), HasSubstr("coffee mug"));
  EXPECT_THAT(std::string(labels[999]), HasSubstr("toilet tissue"));
}

}  // namespace
}  // namespace fovea::tasks
