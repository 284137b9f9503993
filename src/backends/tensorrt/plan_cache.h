// The folder where plans and timings are kept.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace fovea::plugin {

/// A number for the bytes of a model: its file and the files of external data that it names. Throws FOVEA_NOT_FOUND
/// and FOVEA_IO.
std::string fingerprint(const std::filesystem::path& model);

class PlanCache {
 public:
  /// "": keeps nothing. Throws FOVEA_IO where the folder cannot be made.
  explicit PlanCache(const std::string& folder);

  /// `key` is any text; files are named after the model and the key's number.
  std::vector<char> read_plan(const std::string& model, const std::string& key) const;
  void write_plan(const std::string& model, const std::string& key, const std::vector<char>& plan) const;
  /// What builds on this kind of GPU with this version measured.
  std::vector<char> read_timings(const std::string& device) const;
  void write_timings(const std::string& device, const std::vector<char>& timings) const;

 private:
  std::filesystem::path plan_file(const std::string& model, const std::string& key) const;
  std::filesystem::path folder_;
};

}  // namespace fovea::plugin
