#include "onnx/read_tensor.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/mapped_file.h"
#include "ops/onnx_dtype.h"

namespace fovea::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "ONNX stores little-endian numbers; they are used in place");

constexpr int kExternal = 1;  // TensorProto.DataLocation
constexpr int kMaxRank = 64;
constexpr int kUint4 = 21, kInt4 = 22;  // TensorProto.DataType

Result<int64_t> parse_size(std::string_view key, std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    return invalid_model("external data with {} \"{}\"", key, text);
  return value;
}

/// A tensor over `bytes`, which `owner` keeps alive; copied where they cannot be used in place.
Result<Tensor> over_bytes(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, DType dtype,
                          const Shape& shape) {
  static constexpr std::byte kNothing{};
  if (bytes.empty()) return Tensor::wrap(nullptr, &kNothing, dtype, shape);
  const bool aligned = reinterpret_cast<uintptr_t>(bytes.data()) % size_of(dtype) == 0;
  const auto is_bool = [](std::byte b) { return b <= std::byte{1}; };
  if (aligned && (dtype != DType::boolean || std::ranges::all_of(bytes, is_bool)))
    return Tensor::wrap(std::move(owner), bytes.data(), dtype, shape);
  Tensor copy = FOVEA_TRY(Tensor::allocate(dtype, shape));
  auto* out = copy.mutable_view().as<std::byte>();
  if (dtype == DType::boolean)
    std::ranges::transform(bytes, out, [](std::byte b) { return b == std::byte{0} ? b : std::byte{1}; });
  else
    std::memcpy(out, bytes.data(), bytes.size());
  MappedFile::release_pages(bytes.data(), bytes.size());  // the copy serves from now on
  return copy;
}

Result<Tensor> from_external(const wire::Tensor& proto, DType dtype, const Shape& shape, int64_t size,
                             TensorSource& source) {
  std::string location;
  int64_t offset = 0;
  std::set<std::string_view> seen;
  for (const wire::Entry& entry : proto.external_data()) {
    if (!seen.insert(entry.key()).second) return invalid_model("external data names \"{}\" twice", entry.key());
    if (entry.key() == "location") {
      location = entry.value();
    } else if (entry.key() == "offset") {
      offset = FOVEA_TRY(parse_size("offset", entry.value()));
    } else if (entry.key() == "length") {
      if (const int64_t length = FOVEA_TRY(parse_size("length", entry.value())); length != size)
        return invalid_model("{} bytes of external data, but {} need {}", length, to_string(TensorType{dtype, shape}),
                             size);
    } else if (entry.key() != "checksum") {
      return invalid_model("external data has a key \"{}\" that ONNX does not know", entry.key());
    }
  }
  const auto file = FOVEA_TRY(source.external.open(location, source.budget));
  const auto file_size = static_cast<int64_t>(file->bytes().size());
  if (size > file_size || offset > file_size - size)
    return invalid_model("\"{}\" has {} bytes, but {} from offset {} are needed", location, file_size, size, offset);
  return over_bytes(file->bytes().subspan(static_cast<size_t>(offset), static_cast<size_t>(size)), file, dtype, shape);
}

Result<Tensor> from_raw(const wire::Tensor& proto, DType dtype, const Shape& shape, int64_t size,
                        const TensorSource& source) {
  if (static_cast<uint64_t>(size) != proto.raw_size())
    return invalid_model("raw_data has {} bytes, but {} needs {}", proto.raw_size(),
                         to_string(TensorType{dtype, shape}), size);
  return over_bytes(source.file.subspan(proto.raw_offset(), proto.raw_size()), source.owner, dtype, shape);
}

/// Numbers from one of the typed fields, each cast to T.
template <class T, class Field>
Result<Tensor> from_field(const Field& field, const Shape& shape) {
  // Checked before memory is taken: a few bytes of file must not ask for gigabytes.
  if (static_cast<int64_t>(field.size()) != element_count(shape))
    return invalid_model("{} numbers, but {} has {}", field.size(), to_string(TensorType{dtype_of<T>, shape}),
                         element_count(shape));
  Tensor tensor = FOVEA_TRY(Tensor::allocate(dtype_of<T>, shape));
  T* out = tensor.mutable_view().as<T>();
  for (const auto number : field) {
    if constexpr (std::is_same_v<T, f16> || std::is_same_v<T, bf16>)
      (out++)->bits = static_cast<uint16_t>(number);  // stored as bit patterns
    else
      *out++ = static_cast<T>(number);
  }
  return tensor;
}

Result<Tensor> from_typed(const wire::Tensor& proto, DType dtype, const Shape& shape) {
  switch (dtype) {
    case DType::f32: return from_field<float>(proto.float_data(), shape);
    case DType::f64: return from_field<double>(proto.double_data(), shape);
    case DType::f16: return from_field<f16>(proto.int32_data(), shape);
    case DType::bf16: return from_field<bf16>(proto.int32_data(), shape);
    case DType::i8: return from_field<int8_t>(proto.int32_data(), shape);
    case DType::u8: return from_field<uint8_t>(proto.int32_data(), shape);
    case DType::i16: return from_field<int16_t>(proto.int32_data(), shape);
    case DType::u16: return from_field<uint16_t>(proto.int32_data(), shape);
    case DType::i32: return from_field<int32_t>(proto.int32_data(), shape);
    case DType::boolean: return from_field<bool>(proto.int32_data(), shape);
    case DType::i64: return from_field<int64_t>(proto.int64_data(), shape);
    case DType::u32: return from_field<uint32_t>(proto.uint64_data(), shape);
    case DType::u64: return from_field<uint64_t>(proto.uint64_data(), shape);
  }
  return internal("a dtype without a field");
}

Result<Tensor> read(const wire::Tensor& proto, DType dtype, const Shape& shape, TensorSource& source) {
  auto bytes = checked_bytes(dtype, shape);
  if (!bytes) return invalid_model("{}", bytes.error().message);
  if (proto.data_location() == kExternal) return from_external(proto, dtype, shape, *bytes, source);
  if (proto.has_raw_offset()) return from_raw(proto, dtype, shape, *bytes, source);
  return from_typed(proto, dtype, shape);
}

Result<Shape> shape_of(const wire::Tensor& proto) {
  if (proto.dims_size() > kMaxRank) return invalid_model("a tensor of rank {}", proto.dims_size());
  return Shape(proto.dims().begin(), proto.dims().end());
}

}  // namespace

bool has_4_bits(const wire::Tensor& proto) { return proto.data_type() == kInt4 || proto.data_type() == kUint4; }

Result<Tensor> to_wider_tensor(const wire::Tensor& proto, TensorSource& source) {
  const Shape shape = FOVEA_TRY(shape_of(proto));
  const bool is_signed = proto.data_type() == kInt4;
  const DType dtype = is_signed ? DType::i8 : DType::u8;
  if (auto bytes = checked_bytes(dtype, shape); !bytes) return invalid_model("{}", bytes.error().message);
  // Two numbers share a byte, the first in its lower half.
  const int64_t count = element_count(shape);
  const Tensor pairs = FOVEA_TRY(read(proto, DType::u8, {count / 2 + count % 2}, source));
  Tensor wide = FOVEA_TRY(Tensor::allocate(dtype, shape));
  auto* to = wide.mutable_view().as<uint8_t>();
  for (int64_t i = 0; i < count; ++i) {
    const int number = pairs.data<uint8_t>()[i / 2] >> (i % 2 * 4) & 15;
    to[i] = static_cast<uint8_t>(is_signed ? (number ^ 8) - 8 : number);
  }
  MappedFile::release_pages(pairs.raw(), pairs.bytes());
  return wide;
}

Result<Tensor> to_tensor(const wire::Tensor& proto, TensorSource& source) {
  if (const auto known = source.read.find(&proto); known != source.read.end()) return known->second;
  const DType dtype = FOVEA_TRY(ops::dtype_from_onnx(proto.data_type()));
  Tensor tensor = FOVEA_TRY(read(proto, dtype, FOVEA_TRY(shape_of(proto)), source));
  source.read.emplace(&proto, tensor);
  return tensor;
}

}  // namespace fovea::onnx
