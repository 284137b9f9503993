#include "onnx/wire.h"

#include <optional>
#include <string>
#include <string_view>

#include <google/protobuf/io/coded_stream.h>

#include "base/error.h"
#include "graph/verify.h"

namespace fovea::onnx {
namespace {

enum class Kind { model, graph, node, attribute, tensor, function, leaf, dropped };

constexpr uint32_t kRawData = 9, kRawOffset = 100001, kRawSize = 100002;
constexpr size_t kMaxStructure = size_t{1} << 30;  // bytes without weights; protobuf's own limit is 2^31
constexpr int64_t kMaxMessages = 20'000'000;

/// What a length-delimited field of a message holds. Leaves are copied as they are; what fovea never reads (training,
/// documentation, stack traces that exporters add) is dropped.
Kind child(Kind parent, uint32_t field) {
  switch (parent) {
    case Kind::model:
      if (field == 7) return Kind::graph;
      if (field == 25) return Kind::function;
      return field == 6 || field == 20 || field == 26 ? Kind::dropped : Kind::leaf;
    case Kind::graph:
      if (field == 1) return Kind::node;
      if (field == 5) return Kind::tensor;
      return field == 10 || field == 14 || field == 16 ? Kind::dropped : Kind::leaf;
    case Kind::node:
      if (field == 5) return Kind::attribute;
      return field == 6 || field == 9 || field == 10 ? Kind::dropped : Kind::leaf;
    case Kind::attribute:
      if (field == 5) return Kind::tensor;
      if (field == 6) return Kind::graph;
      return field == 10 || field == 11 || field == 13 || field == 14 || field == 15 || field >= 22 ? Kind::dropped
                                                                                                    : Kind::leaf;
    case Kind::function:
      if (field == 7) return Kind::node;
      if (field == 11) return Kind::attribute;
      return field == 8 || field == 12 || field == 14 ? Kind::dropped : Kind::leaf;
    default: return field > 16 || field == 12 ? Kind::dropped : Kind::leaf;
  }
}

class Splitter {
 public:
  explicit Splitter(std::string_view file) : file_(file) {}

  Result<std::string> split(Kind kind) {
    FOVEA_TRY(copy(kind, 0, file_.size(), 0));
    return std::move(structure_);
  }

 private:
  static Error damaged(size_t offset) {
    return invalid_model("the file is damaged or no ONNX model (at byte {})", offset)
        .with_fix("fetch or export it again");
  }

  /// The next varint before `end`; `at` moves behind it.
  std::optional<uint64_t> varint(size_t& at, size_t end) const {
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && at < end; shift += 7) {
      const auto byte = static_cast<uint8_t>(file_[at++]);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  void write_varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) structure_.push_back(static_cast<char>(value | 0x80));
    structure_.push_back(static_cast<char>(value));
  }

  /// Copies the fields of the message in [at, end).
  Result<void> copy(Kind kind, size_t at, size_t end, int depth) {
    if (++messages_ > kMaxMessages) return invalid_model("the file has more than {} messages", kMaxMessages);
    if (structure_.size() > kMaxStructure)
      return invalid_model("more than {} bytes beside the weights", kMaxStructure)
          .with_fix("store the weights as raw or external data");
    depth += kind == Kind::graph;
    if (depth > kMaxSubgraphDepth + 1) return invalid_model("subgraphs nest deeper than {}", kMaxSubgraphDepth);
    while (at < end) {
      const size_t start = at;
      const auto tag = varint(at, end);
      if (!tag || *tag > UINT32_MAX || *tag < 8) return damaged(start);
      const auto field = static_cast<uint32_t>(*tag >> 3);
      uint64_t length = 0;
      switch (*tag & 7) {
        case 0:
          if (!varint(at, end)) return damaged(start);
          break;
        case 1: length = 8; break;
        case 5: length = 4; break;
        case 2: {
          const auto size = varint(at, end);
          if (!size) return damaged(start);
          length = *size;
          break;
        }
        default: return damaged(start);  // groups: nobody writes them
      }
      if (length > end - at) return damaged(start);
      FOVEA_TRY(copy_field(kind, {*tag, field, start, at, at + length}, depth));
      at += length;
    }
    return {};
  }

  struct Field {
    uint64_t tag;
    uint32_t number;
    size_t start, payload, end;
  };

  Result<void> copy_field(Kind kind, const Field& field, int depth) {
    if (kind == Kind::tensor && (field.number == kRawOffset || field.number == kRawSize)) return {};  // ours alone
    if ((field.tag & 7) != 2) {
      structure_.append(file_, field.start, field.end - field.start);
      return {};
    }
    if (kind == Kind::tensor && field.number == kRawData) {
      write_varint(uint64_t{kRawOffset} << 3);
      write_varint(field.payload);
      write_varint(uint64_t{kRawSize} << 3);
      write_varint(field.end - field.payload);
      return {};
    }
    const Kind inner = child(kind, field.number);
    if (inner == Kind::dropped) return {};
    if (inner == Kind::leaf) {
      structure_.append(file_, field.start, field.end - field.start);
      return {};
    }
    // The message's new length is known afterwards: it is written into five bytes kept free for it, a longer varint
    // than need be but a valid one.
    write_varint(field.tag);
    const size_t place = structure_.size();
    structure_.append(5, '\0');
    FOVEA_TRY(copy(inner, field.payload, field.end, depth));
    uint64_t length = structure_.size() - place - 5;
    for (size_t i = 0; i < 5; ++i, length >>= 7)
      structure_[place + i] = static_cast<char>((length & 0x7f) | (i < 4 ? 0x80 : 0));
    return {};
  }

  std::string_view file_;
  std::string structure_;
  int64_t messages_ = 0;
};

template <class Message>
Result<Message> parse(std::span<const std::byte> bytes, Kind kind) {
  Splitter splitter({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  const std::string structure = FOVEA_TRY(splitter.split(kind));
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t*>(structure.data()),
                                                static_cast<int>(structure.size()));
  stream.SetRecursionLimit(4 * kMaxSubgraphDepth + 16);  // model, then graph, node, attribute; a type at the end
  Message message;
  if (!message.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    return invalid_model("the file is damaged or no ONNX model").with_fix("fetch or export it again");
  return message;
}

}  // namespace

Result<wire::Model> parse_model(std::span<const std::byte> bytes) { return parse<wire::Model>(bytes, Kind::model); }
Result<wire::Tensor> parse_tensor(std::span<const std::byte> bytes) { return parse<wire::Tensor>(bytes, Kind::tensor); }

}  // namespace fovea::onnx
