#include "cpu/packed_weights.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/thread_pool.h"

namespace fovea::cpu {

WeightKey weight_key(const Tensor& source, const std::string& recipe) {
  return {source.identity(), recipe + " " + to_string(source.type())};
}

Result<Tensor> PackedWeights::find_in_file(const WeightKey& key, const TensorType& type) {
  const auto it = from_file_.find(key);
  if (it != from_file_.end() && it->second.type() == type) return it->second;
  missing_ = true;
  return invalid_model("the engine file lacks the weights \"{}\"", key.order);
}

/// Plans share equal weights, also where their sources are gone.
Tensor PackedWeights::remember(const WeightKey& key, const Tensor& source, Tensor packed) {
  const std::lock_guard lock(store_.mutex);
  const auto [first, last] = store_.by_order.equal_range(key.order);
  const auto same = std::find_if(first, last, [&](const auto& entry) {
    const Tensor& other = entry.second;
    return other.type() == packed.type() &&
           (other.raw() == packed.raw() || std::memcmp(other.raw(), packed.raw(), packed.bytes()) == 0);
  });
  if (same != last)
    packed = same->second;
  else
    store_.by_order.emplace(key.order, packed);
  if (keep_sources_) store_.known.emplace(key, WeightStore::Entry{source, packed});
  return packed;
}

Tensor PackedWeights::take(const WeightKey& key, const std::string& recipe, Tensor packed) {
  mine_.emplace(key, packed);
  taken_.push_back({key, recipe, packed});
  return packed;
}

namespace {

/// Recipes name what they make, so that none is taken for one of another size.
std::string full_recipe(const std::string& recipe, const TensorType& packed) {
  return fmt::format("{} to {}", recipe, to_string(packed));
}

}  // namespace

Result<Tensor> PackedWeights::get(const Tensor& source, const std::string& name, const TensorType& packed, Fill fill) {
  const std::string recipe = full_recipe(name, packed);
  const WeightKey key = weight_key(source, recipe);
  if (const auto it = mine_.find(key); it != mine_.end()) return take(key, recipe, it->second);
  if (only_sizes_) return take(key, recipe, FOVEA_TRY(allocate(packed.dtype, packed.shape)));
  if (only_file_) return take(key, recipe, FOVEA_TRY(find_in_file(key, packed)));
  bool first_plan = false;
  {
    const std::lock_guard lock(store_.mutex);
    if (const auto it = store_.known.find(key); it != store_.known.end()) return take(key, recipe, it->second.packed);
    first_plan = !store_.by_order.contains(key.order);
  }
  Tensor made = FOVEA_TRY(store_.memory.allocate(packed.dtype, packed.shape));
  if (first_plan) {  // nothing to compare it with: it can wait
    waiting_.push_back({key, source, made, std::move(fill)});
    return take(key, recipe, std::move(made));
  }
  fill(made.mutable_view().data);
  return take(key, recipe, remember(key, source, std::move(made)));
}

Result<Tensor> PackedWeights::get(const Tensor& source, const std::string& name, const TensorType& packed,
                                  const std::function<Result<Tensor>()>& pack) {
  const std::string recipe = full_recipe(name, packed);
  const WeightKey key = weight_key(source, recipe);
  if (const auto it = mine_.find(key); it != mine_.end()) return take(key, recipe, it->second);
  if (only_sizes_) return take(key, recipe, FOVEA_TRY(allocate(packed.dtype, packed.shape)));
  if (only_file_) return take(key, recipe, FOVEA_TRY(find_in_file(key, packed)));
  {
    const std::lock_guard lock(store_.mutex);
    if (const auto it = store_.known.find(key); it != store_.known.end()) return take(key, recipe, it->second.packed);
  }
  Tensor made = FOVEA_TRY(pack());
  if (made.type() != packed) return internal("weights \"{}\" were packed as {}", recipe, to_string(made.type()));
  MappedFile::release_pages(source.raw(), source.bytes());
  return take(key, recipe, remember(key, source, std::move(made)));
}

Result<Tensor> PackedWeights::derive(const Tensor& packed, std::vector<Tensor> others, const std::string& recipe,
                                     const TensorType& type, Fill fill) {
  std::string with = recipe;
  for (const Tensor& other : others) with += fmt::format(" with {}", other.identity());
  const WeightKey key = weight_key(packed, full_recipe(with, type));
  if (const auto it = mine_.find(key); it != mine_.end()) return it->second;
  {
    const std::lock_guard lock(store_.mutex);
    if (const auto it = store_.known.find(key); it != store_.known.end()) return it->second.packed;
  }
  Tensor made = FOVEA_TRY(allocate(type.dtype, type.shape));
  if (only_sizes_) return made;
  derived_.push_back({key, packed, made, std::move(fill), std::move(others)});
  mine_.emplace(key, made);
  return made;
}

void PackedWeights::fill(std::vector<Waiting>& waiting, int threads, bool keep_sources) {
  // Large ones first: the threads end together.
  std::ranges::stable_sort(waiting,
                           [](const Waiting& a, const Waiting& b) { return a.packed.bytes() > b.packed.bytes(); });
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < waiting.size(); i = next++) {
      Waiting& w = waiting[i];
      w.fill(w.packed.mutable_view().data);
      w.fill = nullptr;
      MappedFile::release_pages(w.source.raw(), w.source.bytes());
      if (!keep_sources) w.source = Tensor();
    }
  };
  if (threads > 1 && waiting.size() > 1) {
    ThreadPool pool(threads);
    pool.parallel_for(pool.size(), 1, [&](int64_t, int64_t, int) { work(); });
  } else {
    work();
  }
}

void PackedWeights::finish(int threads) {
  fill(waiting_, threads, keep_sources_);
  fill(derived_, threads, true);
  const std::lock_guard lock(store_.mutex);
  for (Waiting& w : derived_) {
    mine_.erase(w.key);
    store_.known.emplace(w.key, WeightStore::Entry{std::move(w.source), w.packed, std::move(w.others)});
  }
  derived_.clear();
  if (only_file_)
    for (const auto& [key, packed] : mine_) store_.by_order.emplace(key.order, packed);
  for (Waiting& w : waiting_) {
    store_.by_order.emplace(w.key.order, w.packed);
    if (keep_sources_) store_.known.emplace(w.key, WeightStore::Entry{std::move(w.source), w.packed});
  }
  waiting_.clear();
}

}  // namespace fovea::cpu
