#include "tasks/npy.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include <fmt/ranges.h>

#include "base/atomic_file.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/mapped_file.h"

namespace fovea::tasks {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxHeader = 1 << 20;
constexpr size_t kMaxRank = 64;

struct Type {
  std::string_view code;
  DType dtype;
};
constexpr Type kTypes[] = {
    {"f4", DType::f32}, {"f8", DType::f64}, {"f2", DType::f16},     {"V2", DType::bf16}, {"i1", DType::i8},
    {"u1", DType::u8},  {"i2", DType::i16}, {"u2", DType::u16},     {"i4", DType::i32},  {"u4", DType::u32},
    {"i8", DType::i64}, {"u8", DType::u64}, {"b1", DType::boolean},
};

struct Header {
  std::string descr;
  bool fortran = false;
  Shape shape;
};

/// Reads the dictionary that Python's repr() writes: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : rest_(text) {}

  Result<Header> parse() {
    Header header;
    bool descr = false, order = false, shape = false;
    if (!take("{")) return damaged();
    while (!take("}")) {
      const auto key = quoted();
      if (!key || !take(":")) return damaged();
      if (*key == "descr") {
        const auto value = quoted();
        if (!value && !take("[")) return damaged();
        if (!value) return unsupported("the array has fields (a structured dtype)").with_fix("save each as an array");
        header.descr = *value;
        descr = true;
      } else if (*key == "fortran_order") {
        header.fortran = take("True");
        if (!header.fortran && !take("False")) return damaged();
        order = true;
      } else if (*key == "shape") {
        if (!tuple(header.shape)) return damaged();
        shape = true;
      } else {
        return damaged();
      }
      take(",");
    }
    skip_space();
    if (!descr || !order || !shape || !rest_.empty()) return damaged();
    return header;
  }

 private:
  static Error damaged() { return invalid_argument("the .npy header is damaged").with_fix("save the array again"); }

  void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }
  bool take(std::string_view token) {
    skip_space();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  std::optional<std::string> quoted() {
    skip_space();
    if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) return std::nullopt;
    const size_t end = rest_.find(rest_.front(), 1);
    if (end == std::string_view::npos) return std::nullopt;
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }
  bool tuple(Shape& shape) {
    if (!take("(")) return false;
    while (!take(")")) {
      skip_space();
      int64_t extent = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), extent);
      if (error != std::errc() || extent < 0 || shape.size() == kMaxRank) return false;
      rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
      take("L");  // Python 2 wrote 3L
      shape.push_back(extent);
      if (!take(",")) return take(")");
    }
    return true;
  }

  std::string_view rest_;
};

uint64_t little_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

void swap_bytes(std::byte* data, size_t count, size_t size) {
  for (size_t i = 0; i < count; ++i) std::reverse(data + i * size, data + (i + 1) * size);
}

/// Elements whose first index runs fastest, into C order.
void from_fortran(const std::byte* from, std::byte* to, const Shape& shape, size_t size) {
  const int64_t count = element_count(shape);
  if (count == 0) return;  // the other extents may be of any size then
  Shape index(shape.size(), 0), strides(shape.size(), 1);
  for (size_t d = 1; d < shape.size(); ++d) strides[d] = strides[d - 1] * shape[d - 1];
  int64_t place = 0;
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(to + static_cast<size_t>(i) * size, from + static_cast<size_t>(place) * size, size);
    for (size_t d = shape.size(); d-- > 0;) {
      place += strides[d];
      if (++index[d] < shape[d]) break;
      place -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
}

}  // namespace

Result<Tensor> parse_npy(std::span<const std::byte> bytes) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.size() < 10 || !text.starts_with(kMagic))
    return invalid_argument("not a .npy file").with_fix("write it with numpy.save");
  const int version = static_cast<uint8_t>(text[6]);
  if (version < 1 || version > 3) return unsupported(".npy format version {}", version);
  const size_t length_bytes = version == 1 ? 2 : 4, header_at = 8 + length_bytes;
  const auto truncated = [] { return invalid_argument("the .npy file is truncated").with_fix("save the array again"); };
  if (text.size() < header_at) return truncated();
  const uint64_t header_length = little_endian(text.substr(8, length_bytes));
  if (header_length > kMaxHeader) return invalid_argument("the .npy header has {} bytes", header_length);
  if (header_length > text.size() - header_at) return truncated();
  const Header header = FOVEA_TRY(HeaderParser(text.substr(header_at, header_length)).parse());

  std::string_view code = header.descr;
  const bool big_endian = code.starts_with('>');
  if (!code.empty() && std::string_view("<>|=").find(code.front()) != std::string_view::npos) code.remove_prefix(1);
  const auto* type = std::ranges::find(kTypes, code, &Type::code);
  if (type == std::end(kTypes))
    return unsupported("an array of dtype '{}'", header.descr)
        .with_fix("convert it with .astype(numpy.float32) or another number type");
  const int64_t size = FOVEA_TRY(checked_bytes(type->dtype, header.shape));
  const auto data = bytes.subspan(header_at + header_length);
  if (data.size() < static_cast<size_t>(size)) return truncated();
  if (data.size() > static_cast<size_t>(size))
    return invalid_argument("{} bytes follow after the array", data.size() - static_cast<size_t>(size))
        .with_fix("save one array a file");

  Tensor tensor = FOVEA_TRY(Tensor::allocate(type->dtype, header.shape));
  auto* out = static_cast<std::byte*>(tensor.mutable_view().data);
  const size_t element = size_of(type->dtype);
  if (header.fortran && header.shape.size() > 1)
    from_fortran(data.data(), out, header.shape, element);
  else if (size > 0)
    std::memcpy(out, data.data(), data.size());
  if (big_endian) swap_bytes(out, data.size() / element, element);
  if (type->dtype == DType::boolean)  // a bool other than 0 and 1 is undefined behaviour to read
    for (size_t i = 0; i < data.size(); ++i) out[i] = out[i] == std::byte{0} ? std::byte{0} : std::byte{1};
  return tensor;
}

Result<Tensor> read_npy(const std::filesystem::path& path) {
  const auto file = FOVEA_TRY(MappedFile::open(path));
  return FOVEA_TRY_AT(path.string(), parse_npy(file->bytes()));
}

Result<void> write_npy(const std::filesystem::path& path, const Tensor& tensor) {
  const auto* type = std::ranges::find(kTypes, tensor.dtype(), &Type::dtype);
  const char order = size_of(tensor.dtype()) == 1 ? '|' : '<';
  const Shape& shape = tensor.shape();
  std::string header = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}{}), }}", order, type->code,
                                   fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  constexpr size_t kPrefix = 10, kAlignment = 64;  // the data begins at a multiple of 64
  const auto padded = static_cast<size_t>(round_up(static_cast<int64_t>(kPrefix + header.size() + 1), kAlignment));
  header.append(padded - kPrefix - header.size() - 1, ' ').push_back('\n');
  const auto length = static_cast<uint16_t>(header.size());  // at most 64 extents of 20 digits
  const std::string prefix = std::string(kMagic) + std::string("\x01\x00", 2) + static_cast<char>(length & 0xff) +
                             static_cast<char>(length >> 8);
  const std::span<const std::byte> parts[] = {std::as_bytes(std::span(prefix)),
                                              std::as_bytes(std::span(header)),
                                              {static_cast<const std::byte*>(tensor.raw()), tensor.bytes()}};
  return write_file_atomically(path, parts);
}

}  // namespace fovea::tasks
