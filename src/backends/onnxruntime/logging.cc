#include "logging.h"

#include <charconv>

namespace fovea::plugin {
namespace {

thread_local LogScope* current = nullptr;

constexpr size_t kNodesKept = 12;

}  // namespace

LogScope::LogScope(const Log& log) : log_(log), outer_(current) { current = this; }
LogScope::~LogScope() { current = outer_; }

void ORT_API_CALL on_message(void* /*self*/, OrtLoggingLevel level, const char* /*category*/, const char* /*log_id*/,
                             const char* where, const char* message) {
  if (!current || !message) return;
  try {
    current->take(level, where ? where : "", message);
  } catch (...) {  // out of memory while logging: ONNX Runtime is C on this side and cannot take an exception
  }
}

void LogScope::take(OrtLoggingLevel level, std::string_view where, std::string_view message) {
  if (level == ORT_LOGGING_LEVEL_VERBOSE) take_placement(message);
  if (level >= ORT_LOGGING_LEVEL_ERROR) last_error_ = message;
  if (level >= level_) log_.note(std::string(message) + " [" + std::string(where) + "]");
}

/// There is no other way to learn it with every version: "Node placements", then a line for each provider, and behind
/// it its nodes, indented further, where there are several providers.
void LogScope::take_placement(std::string_view message) {
  constexpr std::string_view kPlaced = "placed on [", kNumber = "]. Number of nodes: ";
  if (message == "Node placements") return placements_.clear();
  const size_t begin = message.find(kPlaced), end = message.find(kNumber);
  if (begin != std::string_view::npos && end != std::string_view::npos) {
    Placement placement{std::string(message.substr(begin + kPlaced.size(), end - begin - kPlaced.size())), 0, {}};
    const std::string_view digits = message.substr(end + kNumber.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), placement.count);
    placements_.push_back(std::move(placement));
  } else if (message.starts_with("  ") && !placements_.empty() && placements_.back().nodes.size() < kNodesKept) {
    placements_.back().nodes.emplace_back(message.substr(2));
  }
}

}  // namespace fovea::plugin
