#include "cli/classify_answers.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/mapped_file.h"
#include "cli/console.h"
#include "cli/output.h"

namespace fovea::cli {
namespace {

using pipeline::Answer;

void write_text(std::ostream& out, const Answer& answer, std::string_view resize) {
  const auto& ms = answer.ms;
  out << fmt::format("{}  ({:.1f} ms: decode {:.1f}, preprocess {:.1f} {}, infer {:.1f}, postprocess {:.1f})\n",
                     printable(answer.photo->name), ms.total(), ms.decode, ms.preprocess, resize, ms.infer,
                     ms.postprocess);
  for (const Prediction& one : *answer.top)
    out << fmt::format("  {:6.2f} %  {}\n", 100 * one.probability, printable(one.label));
}

void write_json(std::ostream& out, const Answer& answer, std::string_view resize) {
  Json top = Json::array();
  for (const Prediction& one : *answer.top)
    top.push_back({{"index", one.index}, {"label", one.label}, {"probability", significant(one.probability, 7)}});
  const auto& ms = answer.ms;
  const auto time = [](double value) { return significant(value, 6); };
  write_json_line(out, {{"image", answer.photo->name},
                        {"top", std::move(top)},
                        {"ms",
                         {{"decode", time(ms.decode)},
                          {"preprocess", time(ms.preprocess)},
                          {"infer", time(ms.infer)},
                          {"postprocess", time(ms.postprocess)}}},
                        {"resize", resize}});
}

void write_csv(std::ostream& out, const Answer& answer, std::string_view resize) {
  int rank = 0;
  const auto& ms = answer.ms;
  for (const Prediction& one : *answer.top)
    out << fmt::format("{},{},{},{},{:.7g},{:.3f},{:.3f},{:.3f},{:.3f},{}\n", csv_field(answer.photo->name), ++rank,
                       one.index, csv_field(one.label), one.probability, ms.decode, ms.preprocess, ms.infer,
                       ms.postprocess, resize);
}

bool is_answer(const Json& line) {
  return line.is_object() && line.contains("image") && line["image"].is_string() && line.contains("top");
}

/// Whether write_json may have begun this line. What lies in a file of somebody else's must not be taken for it, since
/// it is cut off.
bool is_cut_off(std::string_view rest) {
  constexpr std::string_view kBegin = "{\"image\":";
  const size_t common = std::min(kBegin.size(), rest.size());
  if (rest.substr(0, common) != kBegin.substr(0, common)) return false;
  const Json whole = Json::parse(rest, nullptr, false);
  return whole.is_discarded() || is_answer(whole);
}

/// A name as JSON has it: what is no UTF-8 is replaced.
std::string as_json(const std::string& name) { return Json(name).dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

void write_header(std::ostream& out, Format format) {
  if (format == Format::csv)
    out << "image,rank,index,label,probability,decode_ms,preprocess_ms,infer_ms,postprocess_ms,resize\n";
}

void write_answer(std::ostream& out, Format format, const Answer& answer, std::string_view resize) {
  switch (format) {
    case Format::text: write_text(out, answer, resize); break;
    case Format::json: write_json(out, answer, resize); break;
    case Format::csv: write_csv(out, answer, resize); break;
  }
}

bool EarlierAnswers::has(const pipeline::Photo& photo) const {
  return !photo.bytes && images.count(as_json(photo.name)) != 0;
}

Result<EarlierAnswers> read_earlier_answers(const std::filesystem::path& path) {
  EarlierAnswers earlier;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return earlier;
  const auto file = FOVEA_TRY(MappedFile::open(path));
  const std::string_view text(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  for (size_t at = 0, line = 1; at < text.size(); ++line) {
    const size_t end = text.find('\n', at);
    const bool whole = end != std::string_view::npos;
    const Json answer = whole ? Json::parse(text.substr(at, end - at), nullptr, false) : Json();
    if (whole ? !is_answer(answer) : !is_cut_off(text.substr(at)))
      return invalid_argument("line {} is no answer of fovea classify", line)
          .at(path.string())
          .with_fix("name a file that `fovea classify --resume` wrote, or a new one");
    if (!whole) break;  // it is done again
    earlier.images.insert(as_json(answer["image"].get<std::string>()));
    at = end + 1;
    earlier.whole_bytes = static_cast<int64_t>(at);
  }
  return earlier;
}

}  // namespace fovea::cli
