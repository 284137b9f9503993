// A fast hash of bytes: tells damaged files and changed models, at the speed of memory. No defence against people who
// look for collisions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "fovea/result.h"

namespace fovea {

/// Bytes are hashed in stretches of this size, each on its own, so that threads can share a large piece out.
inline constexpr size_t kHashStretch = size_t{1} << 20;

/// Of one stretch (any size). `seed` makes the same bytes at another place another hash. Folded products of 64 bits as
/// in wyhash (Wang Yi, 2019), in four independent lanes.
uint64_t hash_stretch(std::span<const std::byte> bytes, uint64_t seed);

/// Of the hashes of all stretches in their order.
uint64_t combine_hashes(std::span<const uint64_t> stretches, uint64_t bytes);

/// All of it on this thread: combine_hashes of hash_stretch of stretch i with seed i.
uint64_t content_hash(std::span<const std::byte> bytes);
inline uint64_t content_hash(std::string_view text) { return content_hash(std::as_bytes(std::span(text))); }

/// The same of a file's bytes, read by so many threads; they stay in no memory of this process. Error: io.
Result<uint64_t> content_hash(const std::filesystem::path& file, int threads);

/// Sixteen hexadecimal digits.
std::string to_hex(uint64_t hash);

}  // namespace fovea
