#include "cpu/timing_cache.h"

#include <array>
#include <charconv>
#include <fstream>

#include <fmt/format.h>

#include "base/atomic_file.h"
#include "base/content_hash.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text_file.h"

namespace fovea::cpu {
namespace {

constexpr std::string_view kFirstLine = "fovea timing cache 2";
constexpr std::string_view kBeginning = "fovea timing cache ";  // in every version
constexpr std::string_view kHash = "hash ";

/// Cuts off what stands before the separator, and the separator.
std::string_view next(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

Result<Tuned> parse_times(std::string_view fields) {
  Tuned tuned;
  tuned.winner = next(fields, '\t');
  while (!fields.empty()) {
    const std::string_view field = next(fields, '\t');
    const size_t equals = field.rfind('=');
    Timing timing;
    const std::string_view number = equals == std::string_view::npos ? "" : field.substr(equals + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), timing.us);
    if (error != std::errc() || end != number.data() + number.size())
      return invalid_model("\"{}\" is no name with its time", field);
    timing.name = field.substr(0, equals);
    tuned.times.push_back(std::move(timing));
  }
  return tuned;
}

}  // namespace

Result<TimingCache::Entries> TimingCache::parse(std::string_view text) const {
  const size_t last = text.rfind(kHash);
  if (last == std::string_view::npos || (last > 0 && text[last - 1] != '\n'))
    return invalid_model("it is no whole one");
  const std::string_view body = text.substr(0, last);
  if (text.substr(last) != fmt::format("{}{}\n", kHash, to_hex(content_hash(body)))) return invalid_model("damaged");
  std::string_view rest = body;
  if (next(rest, '\n') != kFirstLine) return invalid_model("of another version of fovea");
  if (const std::string_view machine = next(rest, '\n'); machine != machine_)
    return invalid_model("made on another machine or by another fovea ({})", machine);
  Entries entries;
  while (!rest.empty()) {
    std::string_view line = next(rest, '\n');
    std::string key(next(line, '\t'));
    entries[std::move(key)] = FOVEA_TRY(parse_times(line));
  }
  return entries;
}

Result<TimingCache::Entries> TimingCache::read() const { return parse(FOVEA_TRY(read_text_file(path_))); }

Result<void> TimingCache::check_path() const {
  if (path_.empty()) return {};
  std::error_code failed;
  const auto kind = std::filesystem::status(path_, failed).type();
  if (kind == std::filesystem::file_type::not_found) return {};
  if (kind == std::filesystem::file_type::regular) {
    if (std::filesystem::is_empty(path_, failed) && !failed) return {};
    std::array<char, kBeginning.size()> begin{};
    std::ifstream(path_, std::ios::binary).read(begin.data(), begin.size());
    if (std::string_view(begin.data(), begin.size()) == kBeginning) return {};
  } else if (failed) {
    return {};  // writing says what is wrong
  }
  return invalid_argument("this is no timing cache, and would be replaced by one")
      .at(path_.string())
      .with_fix("name a file that does not exist yet, or delete this one");
}

const Tuned* TimingCache::find(const std::string& key) {
  if (!has_read_ && !path_.empty()) {
    auto entries = read();
    if (entries.ok())
      entries_ = std::move(entries).value();
    else if (entries.error().code != ErrorCode::not_found)
      log_info("the timing cache {} is left out, and made again: {}", path_.string(), entries.error().message);
  }
  has_read_ = true;
  const auto it = entries_.find(key);
  return it == entries_.end() ? nullptr : &it->second;
}

std::string TimingCache::text() const {
  std::string body = fmt::format("{}\n{}\n", kFirstLine, machine_);
  for (const auto& [key, tuned] : entries_) {
    body += key + '\t' + tuned.winner;
    for (const Timing& t : tuned.times) body += fmt::format("\t{}={:.1f}", t.name, t.us);
    body += '\n';
  }
  return body + fmt::format("{}{}\n", kHash, to_hex(content_hash(body)));
}

Result<void> TimingCache::add(const std::string& key, Tuned tuned) {
  entries_[key] = std::move(tuned);
  if (path_.empty()) return {};
  FOVEA_TRY(check_path());
  if (auto others = read(); others.ok()) entries_.merge(std::move(others).value());
  std::error_code failed;
  if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path(), failed);
  const std::string all = text();
  const std::span<const std::byte> parts[] = {std::as_bytes(std::span(all))};
  return write_file_atomically(path_, parts);
}

}  // namespace fovea::cpu
