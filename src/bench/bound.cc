#include "bench/bound.h"

namespace fovea::bench {

std::string bound_by(const Row& row, const WorkAndMachine& work) {
  if (row.failed || row.ms.median <= 0) return {};
  double before = 0, infer = 0;
  for (const Stages& stages : row.stages) {
    before += stages.decode + stages.preprocess;
    infer += stages.infer;
  }
  if (before > infer) return "preprocessing";

  constexpr double kImages = 1000;
  if (row.load_s && row.first_s && row.images_per_s > 0 && *row.load_s + *row.first_s > kImages / row.images_per_s)
    return "start-up";

  if (!work.gmac_per_s || *work.gmac_per_s <= 0) return {};
  const double seconds = row.ms.median * 1e-3;
  const double computing = work.gmac / *work.gmac_per_s;
  const bool in_cache = work.last_cache_bytes > 0 && work.weight_bytes <= work.last_cache_bytes;
  const double reading = in_cache || work.memory_gb_per_s <= 0 ? 0 : work.weight_bytes * 1e-9 / work.memory_gb_per_s;
  constexpr double kShare = 0.5;
  if (computing >= kShare * seconds && computing >= reading) return "compute";
  if (reading >= kShare * seconds) return "memory";
  return "overhead";
}

}  // namespace fovea::bench
