// The tile of the matrix product, written once for every vector type. Included inside the namespace of one instruction
// set by gemm_<isa>.cc, whose V is that set's vector of floats (V::F, V::kWidth and static functions on them).
// No include guard: each instruction set needs its own copy. Nothing of the standard library may be used here: inline
// functions compiled for a wider instruction set would be linked into the rest of the program.

#include "kernels/vector_math.inc.h"

/// c = act(c) + residual where that comes last, for activations of more than a few instructions. One copy serves all
/// heights of tiles.
template <class V>
[[gnu::noinline]] void activate_rows(const Epilogue& e, int64_t rows, int64_t columns, float* c, int64_t c_stride) {
  const float* residual = e.residual_last ? e.residual : nullptr;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; j += V::kWidth) {
      float* y = c + i * c_stride + j;
      typename V::F x = vector_activation<V>(V::load(y), e.activation);
      if (residual != nullptr) x = V::add(x, V::load(residual + i * e.residual_stride + j));
      V::store(y, x);
    }
}

/// y = act(acc * scale + bias + residual) and the like, of a whole tile.
template <class V, int MR, int NV>
FOVEA_VECTOR_INLINE void finish_tile(typename V::F (&acc)[MR][NV], const Epilogue& e, float* c, int64_t c_stride) {
  using F = typename V::F;
  constexpr int kW = V::kWidth;
  if (e.scale != nullptr) {
    for (int j = 0; j < NV; ++j) {
      const F scale = V::load(e.scale + j * kW), bias = e.bias != nullptr ? V::load(e.bias + j * kW) : V::set(0.0f);
      for (int i = 0; i < MR; ++i) acc[i][j] = V::fma(acc[i][j], scale, bias);
    }
  } else if (e.bias != nullptr) {
    for (int j = 0; j < NV; ++j) {
      const F bias = V::load(e.bias + j * kW);
      for (int i = 0; i < MR; ++i) acc[i][j] = V::add(acc[i][j], bias);
    }
  }
  const float* residual = e.residual;
  if (residual != nullptr && !e.residual_last)
    for (int i = 0; i < MR; ++i)
      for (int j = 0; j < NV; ++j) acc[i][j] = V::add(acc[i][j], V::load(residual + i * e.residual_stride + j * kW));

  if (e.activation.kind == ActivationKind::relu) {
    const F zero = V::set(0.0f);
    for (int i = 0; i < MR; ++i)
      for (int j = 0; j < NV; ++j) acc[i][j] = V::max(zero, acc[i][j]);
  } else if (e.activation.kind == ActivationKind::hard_swish) {
    for (int i = 0; i < MR; ++i)
      for (int j = 0; j < NV; ++j) acc[i][j] = vector_hard_swish<V>(acc[i][j]);
  } else if (e.activation.kind != ActivationKind::none) {
    for (int i = 0; i < MR; ++i)
      for (int j = 0; j < NV; ++j) V::store(c + i * c_stride + j * kW, acc[i][j]);
    activate_rows<V>(e, MR, NV * kW, c, c_stride);
    return;
  }
  if (residual != nullptr && e.residual_last)
    for (int i = 0; i < MR; ++i)
      for (int j = 0; j < NV; ++j) acc[i][j] = V::add(acc[i][j], V::load(residual + i * e.residual_stride + j * kW));
  for (int i = 0; i < MR; ++i)
    for (int j = 0; j < NV; ++j) V::store(c + i * c_stride + j * kW, acc[i][j]);
}

/// The first n of `room` floats, then zeros; returns `to`.
template <class V>
FOVEA_VECTOR_INLINE float* copy_in(const float* from, int64_t n, int64_t room, float* to) {
  int64_t i = 0;
  for (; i + V::kWidth <= n; i += V::kWidth) V::store(to + i, V::load(from + i));
  for (; i < room; i += V::kWidth) V::store(to + i, i < n ? V::load_less(from + i, n - i) : V::set(0.0f));
  return to;
}
template <class V>
FOVEA_VECTOR_INLINE void copy_out(const float* from, int64_t n, float* to) {
  int64_t i = 0;
  for (; i + V::kWidth <= n; i += V::kWidth) V::store(to + i, V::load(from + i));
  if (i < n) V::store_less(to + i, n - i, V::load(from + i));
}

/// MR rows by NV vectors of C stay in registers while the tap's rows and the panel are walked. Each k reads `kSpread`
/// floats of a row.
template <class V, int MR, int NV, int kSpread = 1>
void gemm_tile(const GemmTile& t) {
  using F = typename V::F;
  constexpr int kW = V::kWidth, kColumns = NV * kW;
  F acc[MR][NV];
  for (int i = 0; i < MR; ++i)
    for (int j = 0; j < NV; ++j) acc[i][j] = V::set(0.0f);

  const float *b = t.panel, *ahead = t.ahead;
  const int64_t ahead_step = t.ahead_step;
  const bool more_lines = t.ahead_lines > 1;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const float* const* rows = t.rows + tap * t.row_stride;
    const float* a[MR];
    for (int i = 0; i < MR; ++i) a[i] = rows[i] + t.offset;
    const auto step = [&](int64_t k) FOVEA_VECTOR_LAMBDA {
      F bv[NV];
      for (int j = 0; j < NV; ++j) bv[j] = V::load(b + j * kW);
      for (int i = 0; i < MR; ++i) {
        F x;
        if constexpr (kSpread == 1)
          x = V::set(a[i][k]);
        else if constexpr (kSpread == kW)
          x = V::load(a[i] + k * kSpread);
        else
          x = V::template spread<kSpread>(a[i] + k * kSpread);
        for (int j = 0; j < NV; ++j) V::accumulate(acc[i][j], x, bv[j]);
      }
      b += kColumns;
    };
    int64_t k = 0;
    for (; k + 4 <= t.depth; k += 4) {
      __builtin_prefetch(ahead, 0, 2);
      ahead += ahead_step;
      if (more_lines) [[unlikely]]
        for (int64_t line = 1; line < t.ahead_lines; ++line, ahead += ahead_step) __builtin_prefetch(ahead, 0, 2);
      step(k);
      step(k + 1);
      step(k + 2);
      step(k + 3);
    }
    for (; k < t.depth; ++k) step(k);
  }

  if (t.columns == kColumns) {
    finish_tile<V, MR, NV>(acc, t.epilogue, t.c, t.c_stride);
    return;
  }
  // A narrow last panel goes through copies: nothing behind the end of a row is touched.
  alignas(64) float scale[kColumns], bias[kColumns], residual[MR * kColumns], c[MR * kColumns];
  Epilogue e = t.epilogue;
  if (e.scale != nullptr) e.scale = copy_in<V>(e.scale, t.columns, kColumns, scale);
  if (e.bias != nullptr) e.bias = copy_in<V>(e.bias, t.columns, kColumns, bias);
  if (e.residual != nullptr) {
    for (int64_t i = 0; i < MR; ++i)
      copy_in<V>(e.residual + i * e.residual_stride, t.columns, kColumns, residual + i * kColumns);
    e.residual = residual;
    e.residual_stride = kColumns;
  }
  finish_tile<V, MR, NV>(acc, e, c, kColumns);
  for (int64_t i = 0; i < MR; ++i) copy_out<V>(c + i * kColumns, t.columns, t.c + i * t.c_stride);
}

/// The tiles of these heights, for a GemmKernel's table.
template <class V, int NV, int kSpread, int... kHeights>
struct Tiles {
  static constexpr void (*table[])(const GemmTile&) = {nullptr, gemm_tile<V, kHeights, NV, kSpread>...};
};
