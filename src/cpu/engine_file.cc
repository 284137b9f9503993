#include "cpu/engine_file.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>

#include "base/atomic_file.h"
#include "base/checked.h"
#include "base/content_hash.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "cpu/byte_stream.h"

namespace fovea::cpu {
namespace {

constexpr uint64_t kMagic = 0x454e4947'4e454146;  // "FAENGINE", read backwards
constexpr uint64_t kFormat = 2;
constexpr size_t kHeaderBytes = 64, kPage = 4096, kLargeTensor = 64 << 10;

/// As it lies in the file.
struct Header {
  uint64_t magic = kMagic;
  uint64_t format = kFormat;
  uint64_t file_bytes = 0;
  uint64_t head_bytes = 0;  // of header and head with its padding: where the tensors begin
  uint64_t used_bytes = 0;  // of header and head without it
  uint64_t head_hash = 0;   // of the bytes from kHeaderBytes to head_bytes
  uint64_t reserved = 0;
  uint64_t header_hash = 0;  // of all before
};
static_assert(sizeof(Header) == kHeaderBytes);

uint64_t hash_of(const Header& header) {
  return content_hash(std::as_bytes(std::span(&header, 1)).first(offsetof(Header, header_hash)));
}

std::span<const std::byte> bytes_of(const Tensor& tensor) { return {tensor.data<std::byte>(), tensor.bytes()}; }

/// The hashes of all tensors; threads share out their stretches.
std::vector<uint64_t> hash_tensors(std::span<const Tensor> tensors, int threads) {
  struct Stretch {
    size_t tensor, index;
  };
  std::vector<Stretch> stretches;
  std::vector<size_t> first(tensors.size());
  for (size_t t = 0; t < tensors.size(); ++t) {
    first[t] = stretches.size();
    for (size_t at = 0; at < tensors[t].bytes(); at += kHashStretch) stretches.push_back({t, at / kHashStretch});
  }
  std::vector<uint64_t> parts(stretches.size());
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < stretches.size(); i = next++) {
      const auto bytes = bytes_of(tensors[stretches[i].tensor]);
      const size_t at = stretches[i].index * kHashStretch;
      parts[i] = hash_stretch(bytes.subspan(at, std::min(kHashStretch, bytes.size() - at)), stretches[i].index);
    }
  };
  ThreadPool pool(threads);
  pool.parallel_for(pool.size(), 1, [&](int64_t, int64_t, int) { work(); });
  std::vector<uint64_t> hashes;
  for (size_t t = 0; t < tensors.size(); ++t) {
    const size_t end = t + 1 < tensors.size() ? first[t + 1] : parts.size();
    hashes.push_back(combine_hashes(std::span(parts).subspan(first[t], end - first[t]), tensors[t].bytes()));
  }
  return hashes;
}

Error damaged(std::string_view what) {
  return invalid_model("the engine file is damaged: {}", what).with_fix("compile the model again");
}

}  // namespace

std::vector<std::string> differences(const EngineKey& a, const EngineKey& b) {
  std::vector<std::string> names;
  const auto compare = [&](const EngineKey& one, const EngineKey& other) {
    for (const KeyField& f : one)
      if (std::ranges::find(other, f) == other.end() && std::ranges::find(names, f.name) == names.end())
        names.push_back(f.name);
  };
  compare(a, b);
  compare(b, a);
  return names;
}

std::string_view field(const EngineKey& key, std::string_view name) {
  const auto it = std::ranges::find(key, name, &KeyField::name);
  return it == key.end() ? std::string_view() : std::string_view(it->value);
}

Result<void> write_engine_file(const std::filesystem::path& path, const EngineKey& key, std::span<const std::byte> body,
                               std::span<const Tensor> tensors, int threads) {
  const std::vector<uint64_t> hashes = hash_tensors(tensors, threads);
  ByteWriter head;
  head.number(key.size());
  for (const KeyField& f : key) {
    head.text(f.name);
    head.text(f.value);
  }
  head.number(tensors.size());
  // Offsets count from where the tensors begin.
  std::vector<size_t> offsets;
  size_t end = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const size_t unit = tensors[i].bytes() >= kLargeTensor ? kPage : 64;
    end = (end + unit - 1) / unit * unit;
    offsets.push_back(end);
    head.type(tensors[i].type());
    head.number(end);
    head.fixed64(hashes[i]);
    end += tensors[i].bytes();
  }
  head.append(body.data(), body.size());

  std::vector<std::byte> block = std::move(head).take();
  Header header;
  header.used_bytes = kHeaderBytes + block.size();
  header.head_bytes = static_cast<uint64_t>(round_up(static_cast<int64_t>(header.used_bytes), kPage));
  block.resize(header.head_bytes - kHeaderBytes);
  header.file_bytes = header.head_bytes + end;
  header.head_hash = content_hash(block);
  header.header_hash = hash_of(header);

  static constexpr std::byte kZeros[kPage] = {};
  std::vector<std::span<const std::byte>> parts = {std::as_bytes(std::span(&header, 1)), block};
  size_t at = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    parts.push_back(std::span(kZeros, offsets[i] - at));
    parts.push_back(bytes_of(tensors[i]));
    at = offsets[i] + tensors[i].bytes();
  }
  return write_file_atomically(path, parts);
}

Result<std::shared_ptr<const EngineFile>> EngineFile::open(const std::filesystem::path& path) {
  auto engine = std::make_shared<EngineFile>();
  engine->file_ = FOVEA_TRY(MappedFile::open(path));
  const auto all = engine->file_->bytes();
  const auto check = [&]() -> Result<void> {
    Header header;
    if (all.size() < kHeaderBytes) return damaged("it is too short");
    std::memcpy(&header, all.data(), kHeaderBytes);
    if (header.magic != kMagic) return invalid_model("no engine file").with_fix("make one with fovea compile");
    if (header.header_hash != hash_of(header)) return damaged("its header");
    if (header.format != kFormat)
      return invalid_model("an engine file of format {}, but this fovea reads {}", header.format, kFormat)
          .with_fix("compile the model again");
    if (header.file_bytes != all.size()) return damaged("it has been cut or extended");
    if (header.head_bytes > all.size() || header.head_bytes % kPage != 0 || header.used_bytes > header.head_bytes ||
        header.used_bytes < kHeaderBytes)
      return damaged("its sizes");
    const auto head = all.subspan(kHeaderBytes, header.head_bytes - kHeaderBytes);
    if (content_hash(head) != header.head_hash) return damaged("its head");

    ByteReader in(head.first(header.used_bytes - kHeaderBytes));
    const size_t fields = FOVEA_TRY(in.count(2));
    for (size_t i = 0; i < fields; ++i) {
      std::string name = FOVEA_TRY(in.text()), value = FOVEA_TRY(in.text());
      engine->key_.push_back({std::move(name), std::move(value)});
    }
    const size_t tensors = FOVEA_TRY(in.count(10));
    const auto data = all.subspan(header.head_bytes);
    for (size_t i = 0; i < tensors; ++i) {
      TensorType type = FOVEA_TRY(in.type());
      const uint64_t offset = FOVEA_TRY(in.number());
      engine->hashes_.push_back(FOVEA_TRY(in.fixed64()));
      const auto bytes = static_cast<uint64_t>(FOVEA_TRY(checked_bytes(type.dtype, type.shape)));
      if (offset % 64 != 0 || bytes > data.size() || offset > data.size() - bytes)
        return damaged("a tensor lies outside of it");
      const auto elements = data.subspan(offset, bytes);
      if (type.dtype == DType::boolean && std::ranges::any_of(elements, [](std::byte b) { return b > std::byte{1}; }))
        return damaged("a boolean that is neither true nor false");
      engine->tensors_.push_back(Tensor::wrap(engine->file_, elements.data(), type.dtype, std::move(type.shape)));
    }
    engine->body_ = head.subspan(header.used_bytes - kHeaderBytes - in.rest(), in.rest());
    return {};
  };
  FOVEA_TRY_AT(path.string(), check());
  return std::shared_ptr<const EngineFile>(std::move(engine));
}

Result<void> EngineFile::verify(int threads) const {
  if (hash_tensors(tensors_, threads) != hashes_) return damaged("its weights").at(path().string());
  return {};
}

bool is_engine_file(const std::filesystem::path& path) {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed)) return false;  // a FIFO would wait for its writer
  std::ifstream file(path, std::ios::binary);
  uint64_t magic = 0;
  return file.read(reinterpret_cast<char*>(&magic), sizeof magic) && magic == kMagic;
}

}  // namespace fovea::cpu
