// Numbers and strings as bytes, and back with every read checked: for what engine files hold beside their weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/result.h"
#include "fovea/tensor.h"

namespace fovea::cpu {

class ByteWriter {
 public:
  /// Seven bits a byte, the lowest first.
  void number(uint64_t value);
  /// Small negative numbers stay short, too.
  void signed_number(int64_t value) {
    number((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  }
  void fixed32(uint32_t value) { append(&value, 4); }
  void fixed64(uint64_t value) { append(&value, 8); }
  void real(float value) { append(&value, 4); }
  void text(std::string_view value);
  void type(const TensorType& type);
  /// Type and elements.
  void tensor(const Tensor& tensor);
  void append(const void* data, size_t size);

  size_t size() const { return bytes_.size(); }
  std::vector<std::byte> take() && { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

/// Every read's error: invalid_model, for bytes that end too early or say what cannot be.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  Result<uint64_t> number();
  Result<int64_t> signed_number();
  /// A number of at most `most`.
  Result<uint64_t> number_up_to(uint64_t most);
  /// How many things follow, each of at least `least_bytes` bytes: never more than the rest can hold.
  Result<size_t> count(size_t least_bytes = 1);
  Result<uint32_t> fixed32();
  Result<uint64_t> fixed64();
  Result<float> real();
  Result<std::string> text();
  /// Its bytes do not overflow.
  Result<TensorType> type();
  Result<Tensor> tensor();
  size_t rest() const { return bytes_.size(); }

 private:
  Result<std::span<const std::byte>> take(uint64_t size);
  std::span<const std::byte> bytes_;
};

}  // namespace fovea::cpu
