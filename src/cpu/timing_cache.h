// The timing cache: what tuning measured, in a small text file, so that it need not measure again.
//
//     fovea timing cache 2
//     fovea 0.1.0; Intel(R) Xeon(R) Processor; avx512 avx512_vnni; caches 49152 2097152 503316480
//     conv 1x56x56x64 to 64 ..., threads 2 <TAB> winograd 4x3 6x64, blocks of 49 <TAB> name=microseconds <TAB> ...
//     ...
//     hash 0123456789abcdef
//
// The second line names the machine: times of another one say nothing here. The hash covers all lines before it.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/result.h"

namespace fovea::cpu {

/// A candidate's least time in microseconds.
struct Timing {
  std::string name;
  double us = 0;
};

struct Tuned {
  std::string winner;
  std::vector<Timing> times;
};

class TimingCache {
 public:
  /// Nothing is read yet. An empty path keeps what is measured in memory alone.
  TimingCache(std::filesystem::path path, std::string machine) : path_(std::move(path)), machine_(std::move(machine)) {}

  /// Whether there is no file yet, or one that may be replaced: empty, or beginning as a timing cache does, damaged or
  /// not. Error: invalid_argument for any other file, which nobody may lose to a mistyped name.
  Result<void> check_path() const;
  /// Reads the file at the first call. One that is damaged, of another format or of another machine is said on stderr
  /// and left out; the next add() replaces it.
  const Tuned* find(const std::string& key);
  /// Writes the file, atomically, with what other processes have added to it so far. Nothing is locked: where two write
  /// at one moment, entries of one may be lost, to be measured again. Error: io; those of check_path(), with the file
  /// as it was. The entry is known all the same.
  Result<void> add(const std::string& key, Tuned tuned);

  const std::filesystem::path& path() const { return path_; }

 private:
  using Entries = std::map<std::string, Tuned>;
  /// Error: not_found, io; invalid_model, saying what is wrong with the file.
  Result<Entries> read() const;
  Result<Entries> parse(std::string_view text) const;
  std::string text() const;

  std::filesystem::path path_;
  std::string machine_;
  bool has_read_ = false;
  Entries entries_;
};

}  // namespace fovea::cpu
