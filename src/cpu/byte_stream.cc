#include "cpu/byte_stream.h"

#include <bit>
#include <cstring>

#include "base/error.h"

namespace fovea::cpu {
namespace {

static_assert(std::endian::native == std::endian::little, "engine files hold little-endian numbers");

constexpr size_t kMaxRank = 64;

Error ends_early() { return invalid_model("the engine file ends too early, or is damaged"); }

}  // namespace

void ByteWriter::append(const void* data, size_t size) {
  const auto* bytes = static_cast<const std::byte*>(data);
  bytes_.insert(bytes_.end(), bytes, bytes + size);
}

void ByteWriter::number(uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<std::byte>(value | 0x80));
  bytes_.push_back(static_cast<std::byte>(value));
}

void ByteWriter::text(std::string_view value) {
  number(value.size());
  append(value.data(), value.size());
}

void ByteWriter::type(const TensorType& type) {
  number(static_cast<uint64_t>(type.dtype));
  number(type.shape.size());
  for (int64_t extent : type.shape) number(static_cast<uint64_t>(extent));
}

void ByteWriter::tensor(const Tensor& tensor) {
  type(tensor.type());
  append(tensor.raw(), tensor.bytes());
}

Result<std::span<const std::byte>> ByteReader::take(uint64_t size) {
  if (size > bytes_.size()) return ends_early();
  const auto taken = bytes_.first(static_cast<size_t>(size));
  bytes_ = bytes_.subspan(static_cast<size_t>(size));
  return taken;
}

Result<uint64_t> ByteReader::number() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const auto byte = std::to_integer<uint64_t>(FOVEA_TRY(take(1))[0]);
    if (shift == 63 && byte > 1) break;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return invalid_model("the engine file has a number of more than 64 bits");
}

Result<int64_t> ByteReader::signed_number() {
  const uint64_t value = FOVEA_TRY(number());
  return static_cast<int64_t>((value >> 1) ^ (0 - (value & 1)));
}

Result<uint64_t> ByteReader::number_up_to(uint64_t most) {
  const uint64_t value = FOVEA_TRY(number());
  if (value > most) return invalid_model("the engine file has a number {} where at most {} may stand", value, most);
  return value;
}

Result<size_t> ByteReader::count(size_t least_bytes) {
  return static_cast<size_t>(FOVEA_TRY(number_up_to(bytes_.size() / least_bytes)));
}

Result<uint32_t> ByteReader::fixed32() {
  uint32_t value;
  std::memcpy(&value, FOVEA_TRY(take(4)).data(), 4);
  return value;
}

Result<uint64_t> ByteReader::fixed64() {
  uint64_t value;
  std::memcpy(&value, FOVEA_TRY(take(8)).data(), 8);
  return value;
}

Result<float> ByteReader::real() { return std::bit_cast<float>(FOVEA_TRY(fixed32())); }

Result<std::string> ByteReader::text() {
  const auto bytes = FOVEA_TRY(take(FOVEA_TRY(number())));
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Result<TensorType> ByteReader::type() {
  TensorType type;
  type.dtype = static_cast<DType>(FOVEA_TRY(number_up_to(static_cast<uint64_t>(DType::boolean))));
  const size_t rank = FOVEA_TRY(count());
  if (rank > kMaxRank) return invalid_model("the engine file has a tensor of rank {}", rank);
  for (size_t d = 0; d < rank; ++d) type.shape.push_back(static_cast<int64_t>(FOVEA_TRY(number_up_to(INT64_MAX))));
  FOVEA_TRY(checked_bytes(type.dtype, type.shape));
  return type;
}

Result<Tensor> ByteReader::tensor() {
  TensorType t = FOVEA_TRY(type());
  const auto bytes = FOVEA_TRY(take(static_cast<uint64_t>(FOVEA_TRY(checked_bytes(t.dtype, t.shape)))));
  if (t.dtype == DType::boolean)
    for (std::byte b : bytes)
      if (b > std::byte{1}) return invalid_model("the engine file has a boolean that is neither true nor false");
  Tensor tensor = FOVEA_TRY(Tensor::allocate(t.dtype, std::move(t.shape)));
  if (!bytes.empty()) std::memcpy(tensor.mutable_view().data, bytes.data(), bytes.size());
  return tensor;
}

}  // namespace fovea::cpu
