// calibration.flatbuffers: namespace CalTableFlatBuffers; table KeyValue { key: string; value: string; }
// table TrtTable { dict: [KeyValue]; } root_type TrtTable; no file identifier. The library does the bytes; two tables
// of two fields need no generated code.
#include <flatbuffers/flatbuffers.h>

#include <cmath>

#include "base/error.h"
#include "quantize/table_formats.h"

namespace fovea::quantize {
namespace {

constexpr flatbuffers::voffset_t kDict = 4, kKey = 4, kValue = 6;

struct KeyValue : private flatbuffers::Table {
  const flatbuffers::String* key() const { return GetPointer<const flatbuffers::String*>(kKey); }
  const flatbuffers::String* value() const { return GetPointer<const flatbuffers::String*>(kValue); }
  bool Verify(flatbuffers::Verifier& verifier) const {
    return VerifyTableStart(verifier) && VerifyOffset(verifier, kKey) && verifier.VerifyString(key()) &&
           VerifyOffset(verifier, kValue) && verifier.VerifyString(value()) && verifier.EndTable();
  }
};

struct TrtTable : private flatbuffers::Table {
  using Dict = flatbuffers::Vector<flatbuffers::Offset<KeyValue>>;
  const Dict* dict() const { return GetPointer<const Dict*>(kDict); }
  bool Verify(flatbuffers::Verifier& verifier) const {
    return VerifyTableStart(verifier) && VerifyOffset(verifier, kDict) && verifier.VerifyVector(dict()) &&
           verifier.VerifyVectorOfTables(dict()) && verifier.EndTable();
  }
};

}  // namespace

Result<Table> parse_flatbuffers(std::string_view bytes) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  constexpr flatbuffers::uoffset_t kMostDepth = 8, kMostTables = 10'000'000;
  flatbuffers::Verifier verifier(data, bytes.size(), kMostDepth, kMostTables);
  if (!verifier.VerifyBuffer<TrtTable>(nullptr))
    return invalid_argument("this is no flatbuffer of a calibration table");
  Table table;
  const auto* dict = flatbuffers::GetRoot<TrtTable>(data)->dict();
  // Many entries may point at one pair: what they take in memory must not pass what the file has. An entry of its own
  // has an offset in the vector, a table of two fields, and its key.
  constexpr size_t kLeastEntryBytes = 16;
  size_t needed = 0;
  // Written from the back, so read from the back: then the order is that of the names.
  for (flatbuffers::uoffset_t i = dict ? dict->size() : 0; i-- > 0;) {
    const KeyValue* pair = dict->Get(i);
    if (pair->key() == nullptr || pair->value() == nullptr)
      return invalid_argument("entry {} has no key or no value", i);
    needed += kLeastEntryBytes + pair->key()->size();
    if (needed > bytes.size()) return invalid_argument("its entries share their keys");
    const auto value = parse_number(pair->value()->string_view());
    if (!value) return invalid_argument("\"{}\" of \"{}\" is no number", pair->value()->str(), pair->key()->str());
    const auto reach = finite_float(*value);
    if (!reach) return invalid_argument("the magnitude {} of \"{}\" makes no range", *value, pair->key()->str());
    table.entries.push_back({pair->key()->str(), {-std::fabs(*reach), *reach}, false, false, {}, {}});
  }
  note_lost_magnitudes(table);
  return table;
}

Result<std::string> write_flatbuffers(const Table& table) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<void>> pairs;
  const auto sorted = sorted_entries(table);
  for (const TableEntry* entry : sorted) {
    const auto key = builder.CreateString(entry->name);
    const auto value = builder.CreateString(python_number(static_cast<double>(entry->range.reach())));
    const auto start = builder.StartTable();
    builder.AddOffset(kKey, key);
    builder.AddOffset(kValue, value);
    pairs.push_back(builder.EndTable(start));
  }
  // ONNX Runtime puts them in front of one another: the vector's order is the reverse.
  builder.StartVector(pairs.size(), sizeof(flatbuffers::uoffset_t));
  for (const auto& pair : pairs) builder.PushElement(pair);
  const flatbuffers::Offset<void> dict = builder.EndVector(pairs.size());
  const auto start = builder.StartTable();
  builder.AddOffset(kDict, dict);
  builder.Finish(flatbuffers::Offset<void>(builder.EndTable(start)));
  return std::string(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
}

}  // namespace fovea::quantize
