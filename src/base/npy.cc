#include "base/npy.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/mapped_file.h"

namespace fovea {
namespace {

struct Descriptor {
  std::string_view text;
  DType dtype;
};
constexpr Descriptor kDescriptors[] = {
    {"<f4", DType::f32}, {"<f8", DType::f64}, {"<f2", DType::f16}, {"|i1", DType::i8},
    {"|u1", DType::u8},  {"<i2", DType::i16}, {"<u2", DType::u16}, {"<i4", DType::i32},
    {"<u4", DType::u32}, {"<i8", DType::i64}, {"<u8", DType::u64}, {"|b1", DType::boolean},
};
constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxRank = 64;

struct Header {
  DType dtype = DType::f32;
  bool fortran_order = false;
  Shape shape;
};

/// The text behind 'key': in the header's Python literal; empty where the key is missing.
std::string_view value_of(std::string_view text, std::string_view key) {
  size_t at = text.find(fmt::format("'{}'", key));
  if (at == std::string_view::npos) return {};
  at = text.find(':', at);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + 1);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  return text;
}

Result<Header> parse_header(std::string_view text) {
  Header header;
  const std::string_view descr = value_of(text, "descr");
  bool known = false;
  for (const auto& [name, dtype] : kDescriptors) {
    // A byte has no order: NumPy writes '|', others '<'.
    if (descr.size() < 5 || descr.substr(2, 2) != name.substr(1)) continue;
    if (descr[1] != '<' && descr[1] != '|' && descr[1] != '=') continue;
    header.dtype = dtype;
    known = true;
  }
  if (!known)
    return invalid_argument("no array of a type that fovea reads: {}", descr.substr(0, 16))
        .with_fix("save it as a little-endian array of numbers or bool");
  header.fortran_order = value_of(text, "fortran_order").starts_with("True");
  std::string_view shape = value_of(text, "shape");
  if (!shape.starts_with('(')) return invalid_argument("the header has no shape");
  shape.remove_prefix(1);
  while (true) {
    while (!shape.empty() && (shape.front() == ' ' || shape.front() == ',')) shape.remove_prefix(1);
    if (shape.starts_with(')')) return header;
    int64_t extent = 0;
    const auto [end, error] = std::from_chars(shape.data(), shape.data() + shape.size(), extent);
    if (error != std::errc() || extent < 0 || header.shape.size() >= kMaxRank)
      return invalid_argument("the header's shape is damaged");
    header.shape.push_back(extent);
    shape.remove_prefix(static_cast<size_t>(end - shape.data()));
  }
}

/// Fortran order is row-major order of the reversed shape.
void from_fortran(const std::byte* from, size_t size, const Shape& shape, std::byte* to) {
  const size_t rank = shape.size();
  Shape index(rank, 0), strides(rank, 1);
  for (size_t d = 1; d < rank; ++d) strides[d] = strides[d - 1] * shape[d - 1];
  const int64_t total = element_count(shape);
  for (int64_t n = 0; n < total; ++n) {
    int64_t offset = 0;
    for (size_t d = 0; d < rank; ++d) offset += index[d] * strides[d];
    std::memcpy(to + static_cast<size_t>(n) * size, from + static_cast<size_t>(offset) * size, size);
    for (size_t d = rank; d-- > 0;) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
}

Result<Tensor> parse(std::span<const std::byte> bytes) {
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  if (bytes.size() < 10 || std::string_view(text, 6) != kMagic) return invalid_argument("not a .npy file");
  const auto major = std::to_integer<int>(bytes[6]);
  if (major < 1 || major > 3) return invalid_argument("version {} of .npy is not known", major);
  const size_t prefix = major == 1 ? 10 : 12;
  if (bytes.size() < prefix) return invalid_argument("the file is cut short");
  size_t length = 0;
  for (size_t i = 8; i < prefix; ++i) length |= std::to_integer<size_t>(bytes[i]) << (8 * (i - 8));
  if (length > bytes.size() - prefix) return invalid_argument("the header is cut short");
  const Header header = FOVEA_TRY(parse_header({text + prefix, length}));
  const auto data = bytes.subspan(prefix + length);
  const int64_t needed = FOVEA_TRY(checked_bytes(header.dtype, header.shape));
  if (static_cast<uint64_t>(needed) != data.size())
    return invalid_argument("the header says {} bytes of data, the file has {}", needed, data.size());
  Tensor tensor = FOVEA_TRY(Tensor::allocate(header.dtype, header.shape));
  auto* to = tensor.mutable_view().as<std::byte>();
  if (header.fortran_order && header.shape.size() > 1)
    from_fortran(data.data(), size_of(header.dtype), header.shape, to);
  else if (!data.empty())
    std::memcpy(to, data.data(), data.size());
  if (header.dtype == DType::boolean)  // a bool that is neither 0 nor 1 would be undefined behaviour to read
    for (int64_t i = 0; i < needed; ++i) to[i] = to[i] == std::byte{0} ? std::byte{0} : std::byte{1};
  return tensor;
}

}  // namespace

Result<Tensor> read_npy(const std::filesystem::path& path) {
  const auto file = FOVEA_TRY(MappedFile::open(path));
  return FOVEA_TRY_AT(path.string(), parse(file->bytes()));
}

Result<void> write_npy(const std::filesystem::path& path, const TensorView& tensor) {
  if (tensor.dtype == DType::bf16) {
    Tensor wide = FOVEA_TRY(Tensor::allocate(DType::f32, {tensor.shape.begin(), tensor.shape.end()}));
    std::copy_n(tensor.as<bf16>(), tensor.size(), wide.mutable_view().as<float>());
    return write_npy(path, wide.view());
  }
  std::string_view descriptor;
  for (const auto& [name, dtype] : kDescriptors)
    if (dtype == tensor.dtype) descriptor = name;
  std::string dict = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", descriptor,
                                 fmt::join(tensor.shape, ", "), tensor.shape.size() == 1 ? "," : "");
  // The data begins at a multiple of 64 bytes; the header ends with a newline.
  const size_t unpadded = 10 + dict.size() + 1;
  dict.append((64 - unpadded % 64) % 64, ' ');
  dict += '\n';
  std::string head(kMagic);
  head += {'\x01', '\x00', static_cast<char>(dict.size() & 0xff), static_cast<char>(dict.size() >> 8)};
  head += dict;
  const std::span<const std::byte> parts[] = {
      std::as_bytes(std::span(head)),
      {static_cast<const std::byte*>(tensor.data), static_cast<size_t>(tensor.size()) * size_of(tensor.dtype)}};
  return write_file_atomically(path, parts);
}

}  // namespace fovea
