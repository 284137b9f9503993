// Weights in the order in which kernels read them: packed once an engine, shared by all its plans.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "fovea/tensor.h"

namespace fovea::cpu {

class PackedWeights {
 public:
  /// What `pack` made of `source` under this recipe ("gemm 16"), now or before. One caller packs at a time.
  Result<Tensor> get(const Tensor& source, const std::string& recipe, const std::function<Result<Tensor>()>& pack) {
    const std::lock_guard lock(mutex_);
    const auto key = std::pair(source.identity(), fmt_key(source, recipe));
    if (const auto it = packed_.find(key); it != packed_.end()) return it->second.packed;
    auto made = pack();
    if (made.ok()) packed_.emplace(key, Entry{source, *made});
    return made;
  }

 private:
  struct Entry {
    Tensor source;  // kept, so that its address names nothing else
    Tensor packed;
  };
  static std::string fmt_key(const Tensor& source, const std::string& recipe) {
    return recipe + " " + to_string(source.type());
  }
  std::mutex mutex_;
  std::map<std::pair<const void*, std::string>, Entry> packed_;
};

}  // namespace fovea::cpu
