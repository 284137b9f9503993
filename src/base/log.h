// Messages to people, on stderr only; stdout belongs to answers. The core logs rarely: it returns errors.
#pragma once

#include <string_view>

#include <fmt/format.h>

namespace fovea {

enum class LogLevel { debug, info, warning, error, off };

/// Lowest level that is shown; info by default. `-v` asks for debug, `-q` for error.
void set_log_level(LogLevel level);
void log_message(LogLevel level, std::string_view text);

template <class... Args>
void log_debug(fmt::format_string<Args...> text, Args&&... args) {
  log_message(LogLevel::debug, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> text, Args&&... args) {
  log_message(LogLevel::info, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> text, Args&&... args) {
  log_message(LogLevel::warning, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> text, Args&&... args) {
  log_message(LogLevel::error, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace fovea
