// Result<T>: a value or an Error. fovea neither throws nor aborts; every function that can fail returns one of these.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace fovea {

enum class ErrorCode {
  invalid_argument,  // a flag, an option or a tensor that the caller passed
  invalid_model,     // the model breaks ONNX's rules
  unsupported,       // a valid model, but fovea lacks something that it needs
  invalid_image,     // bytes that are no photo, or a damaged one
  not_found,         // a file or a name that is not there
  io,                // the operating system said no
  out_of_memory,     // more memory asked for than there is, or than the limit allows
  unavailable,       // a backend that cannot run here
  needs_value,       // a shape that depends on a tensor whose value is not known yet
  internal,          // a bug in fovea
};

/// What went wrong, where (file, node, option) and how to mend it. `where` and `fix` may be empty.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
  std::string where;
  std::string fix;

  /// Puts `place` before what is already known of the place: innermost is named first, so callers add the outer ones.
  Error at(std::string place) && {
    where = where.empty() ? std::move(place) : std::move(place) + ": " + where;
    return std::move(*this);
  }
  Error with_fix(std::string text) && {
    fix = std::move(text);
    return std::move(*this);
  }
  /// "where: message; fix", the one form in which errors are shown.
  std::string to_string() const {
    std::string text = where.empty() ? message : where + ": " + message;
    return fix.empty() ? text : text + "; " + fix;
  }
};

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Precondition of value(), * and ->: ok(). Precondition of error(): !ok().
  T& value() & { return *std::get_if<0>(&state_); }
  const T& value() const& { return *std::get_if<0>(&state_); }
  T value() && { return std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const& { return *std::get_if<1>(&state_); }
  Error error() && { return std::move(*std::get_if<1>(&state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  void value() const {}
  const Error& error() const& { return error_; }
  Error error() && { return std::move(error_); }

 private:
  Error error_;
  bool ok_ = true;
};

/// The value of a Result, or a return of its error from the function around it: `auto x = FOVEA_TRY(f());` A braced
/// list may hold one as its first element only: what it made before would leak (g++ and clang 14 do not destroy it).
#define FOVEA_TRY(...)                        \
  (__extension__({                            \
    auto fovea_result = (__VA_ARGS__);        \
    if (!fovea_result.ok()) [[unlikely]]      \
      return std::move(fovea_result).error(); \
    std::move(fovea_result).value();          \
  }))

/// The same, with the place added. Statement expressions: `auto x = ...` reads better than a macro that declares.
#define FOVEA_TRY_AT(place, ...)                        \
  (__extension__({                                      \
    auto fovea_result = (__VA_ARGS__);                  \
    if (!fovea_result.ok()) [[unlikely]]                \
      return std::move(fovea_result).error().at(place); \
    std::move(fovea_result).value();                    \
  }))

}  // namespace fovea
