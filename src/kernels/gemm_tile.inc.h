// The tile of the matrix product, written once for every vector type. Included inside the namespace of one instruction
// set by gemm_<isa>.cc, whose V is that set's vector of floats (V::F, V::kWidth and static functions on them).
// No include guard: each instruction set needs its own copy. Nothing of the standard library may be used here: inline
// functions compiled for a wider instruction set would be linked into the rest of the program.

#include "kernels/vector_math.inc.h"

/// MR rows by NV vectors of C stay in registers while the tap's rows and the panel are walked.
template <class V, int MR, int NV>
void gemm_tile(const GemmTile& t) {
  using F = typename V::F;
  constexpr int kW = V::kWidth, kColumns = NV * V::kWidth;
  F acc[MR][NV];
  for (int i = 0; i < MR; ++i)
    for (int j = 0; j < NV; ++j) acc[i][j] = V::set(0.0f);

  const float* b = t.panel;
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const float* const* rows = t.rows + tap * t.row_stride;
    const float* a[MR];
    for (int i = 0; i < MR; ++i) a[i] = rows[i];
    for (int64_t k = 0; k < t.depth; ++k) {
      F bv[NV];
      for (int j = 0; j < NV; ++j) bv[j] = V::load(b + j * kW);
      for (int i = 0; i < MR; ++i) {
        const F x = V::set(a[i][k]);
        for (int j = 0; j < NV; ++j) acc[i][j] = V::fma(x, bv[j], acc[i][j]);
      }
      b += kColumns;
    }
  }

  const Epilogue& e = t.epilogue;
  if (e.scale != nullptr || e.bias != nullptr) {
    // Scale and bias of a narrow last panel are read through a copy: nothing behind their end is touched.
    alignas(64) float scale[kColumns], bias[kColumns];
    for (int j = 0; j < kColumns; ++j) {
      scale[j] = e.scale != nullptr && j < t.columns ? e.scale[j] : 1.0f;
      bias[j] = e.bias != nullptr && j < t.columns ? e.bias[j] : 0.0f;
    }
    for (int j = 0; j < NV; ++j) {
      const F s = V::load(scale + j * kW), o = V::load(bias + j * kW);
      for (int i = 0; i < MR; ++i) acc[i][j] = V::fma(acc[i][j], s, o);
    }
  }

  const bool whole = t.columns == kColumns;
  for (int i = 0; i < MR; ++i) {
    float* c = t.c + i * t.c_stride;
    const float* residual = e.residual != nullptr ? e.residual + i * e.residual_stride : nullptr;
    alignas(64) float row[kColumns];
    if (residual != nullptr && !whole) {
      for (int j = 0; j < kColumns; ++j) row[j] = j < t.columns ? residual[j] : 0.0f;
      residual = row;
    }
    for (int j = 0; j < NV; ++j) {
      F y = acc[i][j];
      if (residual != nullptr && !e.residual_last) y = V::add(y, V::load(residual + j * kW));
      if (e.activation.kind != ActivationKind::none) y = vector_activation<V>(y, e.activation);
      if (residual != nullptr && e.residual_last) y = V::add(y, V::load(residual + j * kW));
      if (whole)
        V::store(c + j * kW, y);
      else
        V::store(row + j * kW, y);
    }
    if (!whole)
      for (int64_t j = 0; j < t.columns; ++j) c[j] = row[j];
  }
}
