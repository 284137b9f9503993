// A file's bytes, mapped for reading.
#pragma once

#include <string>
#include <string_view>

namespace fovea::plugin {

class Mapped {
 public:
  /// Throws Failure{FOVEA_NOT_FOUND or FOVEA_IO}.
  explicit Mapped(const std::string& path);
  ~Mapped();
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;

  std::string_view bytes() const { return bytes_; }

 private:
  std::string_view bytes_;
};

}  // namespace fovea::plugin
