#include "model_scan.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>

#include "hash.h"
#include "mapped.h"
#include "plugin.h"

namespace fovea::plugin {
namespace {

/// One field of a protobuf message: its number, and its bytes or its number.
struct Field {
  uint32_t number = 0;
  std::string_view bytes;
  uint64_t value = 0;
};

/// The fields of a message, one after the other; ends at the first that is damaged.
class Fields {
 public:
  explicit Fields(std::string_view message) : rest_(message) {}

  std::optional<Field> next() {
    const auto tag = varint();
    if (!tag) return std::nullopt;
    Field field{static_cast<uint32_t>(*tag >> 3), {}, 0};
    switch (*tag & 7) {
      case 0: {
        const auto value = varint();
        if (!value) return std::nullopt;
        field.value = *value;
        return field;
      }
      case 1: return skip(8) ? std::optional(field) : std::nullopt;
      case 2: {
        const auto length = varint();
        if (!length || *length > rest_.size()) return std::nullopt;
        field.bytes = rest_.substr(0, *length);
        rest_.remove_prefix(*length);
        return field;
      }
      case 5: return skip(4) ? std::optional(field) : std::nullopt;
      default: return std::nullopt;
    }
  }

 private:
  std::optional<uint64_t> varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }
  bool skip(size_t count) {
    if (count > rest_.size()) return false;
    rest_.remove_prefix(count);
    return true;
  }

  std::string_view rest_;
};

constexpr int kMaxDepth = 64;  // of graphs in graphs
constexpr uint64_t kFloat16 = 10, kBFloat16 = 16;

void scan_tensor(std::string_view tensor, ModelScan& found) {
  Fields fields(tensor);
  while (const auto field = fields.next()) {
    if (field->number == 2) {  // data_type
      found.half |= field->value == kFloat16;
      found.bfloat |= field->value == kBFloat16;
    } else if (field->number == 13) {  // external_data: key and value
      std::string_view key, value;
      Fields entry(field->bytes);
      while (const auto part = entry.next()) (part->number == 1 ? key : value) = part->bytes;
      if (key == "location" && (found.external.empty() || found.external.back() != value))
        found.external.emplace_back(value);
    }
  }
}

void scan_graph(std::string_view graph, int depth, ModelScan& found);

void scan_node(std::string_view node, int depth, ModelScan& found) {
  Fields fields(node);
  while (const auto field = fields.next()) {
    if (field->number == 4) {  // op_type
      const std::string_view op = field->bytes;
      found.quantized |= op == "QuantizeLinear" || op == "DequantizeLinear" || op == "ConvInteger" ||
                         op == "MatMulInteger" || op.starts_with("QLinear");
    } else if (field->number == 5) {  // attribute
      Fields attribute(field->bytes);
      while (const auto part = attribute.next()) {
        if (part->number == 5 || part->number == 10) scan_tensor(part->bytes, found);            // t, tensors
        if (part->number == 6 || part->number == 11) scan_graph(part->bytes, depth + 1, found);  // g, graphs
      }
    }
  }
}

void scan_graph(std::string_view graph, int depth, ModelScan& found) {
  if (depth > kMaxDepth) return;
  Fields fields(graph);
  while (const auto field = fields.next()) {
    if (field->number == 1) scan_node(field->bytes, depth, found);
    if (field->number == 5) scan_tensor(field->bytes, found);
  }
}

ModelScan scan_bytes(std::string_view model) {
  ModelScan found;
  Fields fields(model);
  while (const auto field = fields.next())
    if (field->number == 7) scan_graph(field->bytes, 0, found);
  // One file holds the weights of many tensors.
  std::ranges::sort(found.external);
  found.external.erase(std::unique(found.external.begin(), found.external.end()), found.external.end());
  return found;
}

std::filesystem::path beside(const std::string& model, const std::string& file) {
  return std::filesystem::path(model).parent_path() / file;
}

}  // namespace

ModelScan scan_model(const std::string& path) {
  const Mapped model(path);
  ModelScan found = scan_bytes(model.bytes());
  found.bytes = model.bytes().size();
  for (const std::string& file : found.external) {
    struct stat status {};
    if (stat(beside(path, file).c_str(), &status) == 0) found.bytes += static_cast<uint64_t>(status.st_size);
  }
  return found;
}

uint64_t model_key(const std::string& path) {
  const Mapped model(path);
  Hash hash;
  hash.add(model.bytes());
  for (const std::string& file : scan_bytes(model.bytes()).external) {
    struct stat status {};
    if (stat(beside(path, file).c_str(), &status) != 0) continue;
    hash.add(file + " " + std::to_string(status.st_size) + " " + std::to_string(status.st_mtim.tv_sec) + "." +
             std::to_string(status.st_mtim.tv_nsec));
  }
  return hash.value();
}

}  // namespace fovea::plugin
