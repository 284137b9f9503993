// The frame of engine files: a key, a body of small things, and tensors that are used where they lie in the mapped
// file. Knows nothing of the device.
//
//     header   64 bytes: magic, version of the format, sizes, hashes of the rest of the head and of the header itself
//     head     key, table of tensors (type, place, hash), body; filled with zeros up to a page
//     tensors  each at a multiple of 64 bytes, large ones at the begin of a page
//
// Every byte that is read is covered by a hash: the header by its own, the head by one in the header, each tensor by
// one in the head. docs/engine-files.md has the details.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "fovea/tensor.h"

namespace fovea::cpu {

/// What an engine was made from and for: named values, in a fixed order.
struct KeyField {
  std::string name, value;
  bool operator==(const KeyField&) const = default;
};
using EngineKey = std::vector<KeyField>;

/// The names of the fields that are not the same in both.
std::vector<std::string> differences(const EngineKey& a, const EngineKey& b);
/// The field's value; "" where the key has none.
std::string_view field(const EngineKey& key, std::string_view name);

/// Writes the file atomically (base/atomic_file.h). Error: io, with nothing changed.
Result<void> write_engine_file(const std::filesystem::path& path, const EngineKey& key, std::span<const std::byte> body,
                               std::span<const Tensor> tensors, int threads);

class EngineFile {
 public:
  /// Maps the file and checks all but the tensors' elements. Error: not_found, io; invalid_model for what is no engine
  /// file, is damaged, or is of another version of the format.
  static Result<std::shared_ptr<const EngineFile>> open(const std::filesystem::path& path);

  /// Checks the tensors' elements against their hashes, on so many threads; reads all of the file. Error:
  /// invalid_model.
  Result<void> verify(int threads) const;

  const EngineKey& key() const { return key_; }
  std::span<const std::byte> body() const { return body_; }
  /// They point into the mapped file, which they keep.
  std::span<const Tensor> tensors() const { return tensors_; }
  const std::filesystem::path& path() const { return file_->path(); }
  size_t bytes() const { return file_->bytes().size(); }

 private:
  std::shared_ptr<const MappedFile> file_;
  EngineKey key_;
  std::span<const std::byte> body_;
  std::vector<Tensor> tensors_;
  std::vector<uint64_t> hashes_;  // of the tensors
};

/// Whether the file begins as engine files do.
bool is_engine_file(const std::filesystem::path& path);

}  // namespace fovea::cpu
