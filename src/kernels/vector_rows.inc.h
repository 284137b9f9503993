// Rows of f32 and of bf16, for files written with Highway whose loops serve both. Included inside HWY_NAMESPACE behind
// vector_highway.inc.h and vector_bf16.inc.h; no include guard, as each target needs its own copy.

/// How rows lie in memory: whole vectors are read and written, narrower ones through a copy.
struct F32Rows {
  HWY_INLINE static Vector::F load(const std::byte* p, int64_t n) {
    return load_some(reinterpret_cast<const float*>(p), n);
  }
  HWY_INLINE static void store(std::byte* p, int64_t n, Vector::F x) { store_some(reinterpret_cast<float*>(p), n, x); }
  static constexpr int64_t kBytes = 4;
};
struct Bf16Rows {
  HWY_INLINE static Vector::F load(const std::byte* p, int64_t n) {
    const auto* from = reinterpret_cast<const uint16_t*>(p);
    if (n == Vector::kWidth) return load_bf16(from);
    uint16_t copy[Vector::kWidth] = {};
    for (int64_t i = 0; i < n; ++i) copy[i] = from[i];
    return load_bf16(copy);
  }
  HWY_INLINE static void store(std::byte* p, int64_t n, Vector::F x) {
    auto* to = reinterpret_cast<uint16_t*>(p);
    if (n == Vector::kWidth) {
      store_bf16(to, x);
      return;
    }
    uint16_t copy[Vector::kWidth];
    store_bf16(copy, x);
    for (int64_t i = 0; i < n; ++i) to[i] = copy[i];
  }
  static constexpr int64_t kBytes = 2;
};
