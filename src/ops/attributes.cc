#include "ops/attributes.h"

#include <algorithm>

#include "base/error.h"

namespace fovea::ops {

template <class T>
const T* Attributes::read(std::string_view name, std::string_view kind) {
  known_.emplace_back(name);
  const auto it = node_.attributes.find(name);
  if (it == node_.attributes.end()) return nullptr;
  const T* value = std::get_if<T>(&it->second);
  if (value == nullptr && !error_) error_ = invalid_model("attribute \"{}\" must be {}", name, kind);
  return value;
}

int64_t Attributes::integer(std::string_view name, int64_t fallback) {
  const auto* value = read<int64_t>(name, "an integer");
  return value ? *value : fallback;
}

float Attributes::number(std::string_view name, float fallback) {
  const auto* value = read<float>(name, "a float");
  return value ? *value : fallback;
}

std::string Attributes::text(std::string_view name, std::string_view fallback) {
  const auto* value = read<std::string>(name, "a string");
  return value ? *value : std::string(fallback);
}

std::vector<int64_t> Attributes::integers(std::string_view name, std::vector<int64_t> fallback) {
  const auto* value = read<std::vector<int64_t>>(name, "a list of integers");
  return value ? *value : std::move(fallback);
}

std::vector<float> Attributes::numbers(std::string_view name, std::vector<float> fallback) {
  const auto* value = read<std::vector<float>>(name, "a list of floats");
  return value ? *value : std::move(fallback);
}

std::vector<std::string> Attributes::texts(std::string_view name, std::vector<std::string> fallback) {
  const auto* value = read<std::vector<std::string>>(name, "a list of strings");
  return value ? *value : std::move(fallback);
}

std::optional<Tensor> Attributes::tensor(std::string_view name) {
  const auto* value = read<Tensor>(name, "a tensor");
  return value ? std::optional(*value) : std::nullopt;
}

std::shared_ptr<const Graph> Attributes::graph(std::string_view name) {
  const auto* value = read<std::shared_ptr<Graph>>(name, "a graph");
  return value ? *value : nullptr;
}

void Attributes::require(std::string_view name) {
  if (!has(name) && !error_) error_ = invalid_model("attribute \"{}\" is missing", name);
}

Result<void> Attributes::finish() {
  if (error_) return *std::move(error_);
  for (const auto& [name, value] : node_.attributes)
    if (std::ranges::find(known_, name) == known_.end())
      return invalid_model("attribute \"{}\" is not one that {}-{} has", name, node_.op_type, node_.opset);
  return {};
}

}  // namespace fovea::ops
