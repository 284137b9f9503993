// The forms in which classify answers, and what an earlier run that is resumed has answered already.
#pragma once

#include <filesystem>
#include <ostream>
#include <set>
#include <string>

#include "cli/flags.h"
#include "pipeline/classifier.h"

namespace fovea::cli {

/// What comes before the first answer.
void write_header(std::ostream& out, Format format);
/// Precondition: answer.top is no error.
void write_answer(std::ostream& out, Format format, const pipeline::Answer& answer, std::string_view resize);

/// The photos that a file of JSON lines has answers for, by the names that it gives them.
struct EarlierAnswers {
  std::set<std::string> images;
  int64_t whole_bytes = 0;  // what lies behind is an answer that was cut off

  /// Of a photo that came as bytes never: its name says nothing of what it shows.
  bool has(const pipeline::Photo& photo) const;
};
/// Nothing where there is no such file. Error: io; invalid_argument where it holds something else than answers.
Result<EarlierAnswers> read_earlier_answers(const std::filesystem::path& path);

}  // namespace fovea::cli
