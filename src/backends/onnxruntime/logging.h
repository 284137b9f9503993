// ONNX Runtime's messages, on their way to fovea's log; and what they tell of where the nodes went.
#pragma once

#include <onnxruntime_c_api.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugin.h"

namespace fovea::plugin {

/// Nodes of the graph that one execution provider runs.
struct Placement {
  std::string provider;
  size_t count = 0;
  std::vector<std::string> nodes;  // "Shape (node_12)"; the first ones, and only where there are several providers
};

/// Takes what ONNX Runtime says on this thread while it lives. Outside of one, messages are dropped: what makes a call
/// fail is in its status too.
class LogScope {
 public:
  explicit LogScope(const Log& log);
  ~LogScope();
  LogScope(const LogScope&) = delete;
  LogScope& operator=(const LogScope&) = delete;

  /// Messages from this level on become notes; warnings, unless it is changed.
  void set_level(OrtLoggingLevel level) { level_ = level; }
  const Log& log() const { return log_; }
  /// The last error message, which is thereby forgotten; "" where there was none.
  std::string take_last_error() { return std::exchange(last_error_, {}); }
  /// Filled where a session was made that logs at the level of verbose.
  const std::vector<Placement>& placements() const { return placements_; }

 private:
  friend void ORT_API_CALL on_message(void*, OrtLoggingLevel, const char*, const char*, const char*, const char*);
  void take(OrtLoggingLevel level, std::string_view where, std::string_view message);
  void take_placement(std::string_view message);

  const Log& log_;
  LogScope* outer_;
  OrtLoggingLevel level_ = ORT_LOGGING_LEVEL_WARNING;
  std::string last_error_;
  std::vector<Placement> placements_;
};

/// An OrtLoggingFunction, for the environment.
void ORT_API_CALL on_message(void* self, OrtLoggingLevel level, const char* category, const char* log_id,
                             const char* where, const char* message);

}  // namespace fovea::plugin
