// Bytes of sums with AVX-512: 32 columns of two rows become one vector of bytes. Compiled without contraction of a * b
// + c: each operation rounds for itself.
#if defined(__AVX512F__)
#include <immintrin.h>

#include "kernels/quantize_isa.h"

#define FOVEA_VECTOR_INLINE [[gnu::always_inline]] inline

namespace fovea::kernels::avx512 {
namespace {

constexpr int64_t kLanes = 16, kColumns = 32;

FOVEA_VECTOR_INLINE __mmask16 lanes(int64_t count) {
  return count >= kLanes ? static_cast<__mmask16>(0xffff) : static_cast<__mmask16>((1u << (count > 0 ? count : 0)) - 1);
}

/// A table of 256 bytes in registers.
struct Table {
  __m512i part[4];
  FOVEA_VECTOR_INLINE explicit Table(const uint8_t* table) {
    for (int i = 0; i < 4; ++i) part[i] = _mm512_loadu_si512(table + 64 * i);
  }
  FOVEA_VECTOR_INLINE __m512i operator()(__m512i x) const {
    __m512i low = x, high = x;  // bits 0 to 6 choose a byte of two parts
    asm("vpermi2b %2, %1, %0" : "+v"(low) : "v"(part[0]), "v"(part[1]));
    asm("vpermi2b %2, %1, %0" : "+v"(high) : "v"(part[2]), "v"(part[3]));
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), low, high);
  }
};

FOVEA_VECTOR_INLINE __m512i load_sum(__mmask16 mask, const int32_t* p) { return _mm512_maskz_loadu_epi32(mask, p); }
FOVEA_VECTOR_INLINE __m512i load_sum(__mmask16 mask, const float* p) {
  return _mm512_cvtps_epi32(_mm512_maskz_loadu_ps(mask, p));
}

/// Constants of one stretch of 16 columns.
struct Column {
  __mmask16 mask;
  __m512i correction, row_factor;
  __m512 multiplier, offset, row;
};

/// Levels between two operations.
struct Stage {
  __m512i least, most;
  __m512 scale;
  FOVEA_VECTOR_INLINE explicit Stage(const ByteStage& s)
      : least(_mm512_set1_epi32(s.range.low - s.range.zero)),
        most(_mm512_set1_epi32(s.range.high - s.range.zero)),
        scale(_mm512_set1_ps(s.scale)) {}
  FOVEA_VECTOR_INLINE __m512 operator()(__m512 r) const {
    const __m512i level = _mm512_min_epi32(_mm512_max_epi32(_mm512_cvtps_epi32(r), least), most);
    return _mm512_mul_ps(_mm512_cvtepi32_ps(level), scale);
  }
};

/// What lies between the sums and the rounding: known where the loop is compiled for the usual forms, since asking for
/// each row costs as much as a product of few numbers.
template <bool kInner, bool kResidual>
struct Usual {
  static constexpr bool terms = false, factors = false, offset = false, row = false, levels = false;
  static constexpr bool inner = kInner, residual = kResidual;
};
struct Any {
  bool terms, factors, offset, row, levels, inner, residual;
};

/// How 32 columns are rounded, in the order of the packed numbers.
struct Levels {
  __m512i zero, low, high;
  FOVEA_VECTOR_INLINE explicit Levels(const ByteRange& r)
      : zero(_mm512_set1_epi16(static_cast<short>(r.zero))),
        low(_mm512_set1_epi8(static_cast<char>(r.low))),
        high(_mm512_set1_epi8(static_cast<char>(r.high))) {}
  /// Of f's columns from `at` on.
  FOVEA_VECTOR_INLINE Levels(const SumsFinish& f, int64_t at, __mmask16 left, __mmask16 right) {
    const auto packed = [&](const int32_t* p) __attribute__((always_inline)) {
      return _mm512_packs_epi32(_mm512_maskz_loadu_epi32(left, p + at),
                                _mm512_maskz_loadu_epi32(right, p + at + kLanes));
    };
    const __m512i least = packed(f.lows), most = packed(f.highs);
    zero = packed(f.zeros);
    low = _mm512_packus_epi16(least, least);
    high = _mm512_packus_epi16(most, most);
  }
};

template <class Has, class Sum>
FOVEA_VECTOR_INLINE void finish(const Has& has, const SumsFinish& f, const Sum* sums, int64_t sums_stride, int64_t rows,
                                int64_t columns, uint8_t* y, int64_t y_stride) {
  const Levels same(f.range);
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const Stage row_stage(f.row_stage), inner_stage(f.inner_stage);
  const __m512i residual_zero = _mm512_set1_epi32(f.residual_zero);
  const __m512 residual_scale = _mm512_set1_ps(f.residual_scale);
  static constexpr uint8_t kNone[256] = {};
  const Table table(f.table != nullptr ? f.table : kNone);
  for (int64_t j = 0; j < columns; j += kColumns) {
    Column column[2];
    for (int64_t k = 0; k < 2; ++k) {
      const int64_t at = j + k * kLanes;
      const __mmask16 mask = lanes(columns - at);
      column[k] = {mask,
                   _mm512_maskz_loadu_epi32(mask, f.correction + at),
                   has.factors ? _mm512_maskz_loadu_epi32(mask, f.row_factors + at) : _mm512_set1_epi32(1),
                   _mm512_maskz_loadu_ps(mask, f.multiplier + at),
                   has.offset ? _mm512_maskz_loadu_ps(mask, f.offset + at) : _mm512_setzero_ps(),
                   has.row ? _mm512_maskz_loadu_ps(mask, f.row + at) : _mm512_setzero_ps()};
    }
    const Levels range = has.levels ? Levels(f, j, column[0].mask, column[1].mask) : same;
    const auto mask = static_cast<__mmask32>(column[0].mask | static_cast<uint32_t>(column[1].mask) << 16);
    const auto levels = [&](int64_t i, int k) __attribute__((always_inline)) {
      const Column& c = column[k];
      __m512i sum = _mm512_add_epi32(load_sum(c.mask, sums + i * sums_stride + j + k * kLanes), c.correction);
      if (has.terms) {
        const __m512i term = _mm512_set1_epi32(f.row_terms[i]);
        sum = _mm512_add_epi32(sum, has.factors ? _mm512_mullo_epi32(term, c.row_factor) : term);
      }
      __m512 r = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), c.multiplier);
      if (has.offset) r = _mm512_add_ps(r, c.offset);
      if (has.row) r = _mm512_add_ps(row_stage(r), c.row);
      if (has.inner) r = inner_stage(r);
      if (has.residual) {
        const __m128i bytes = _mm_maskz_loadu_epi8(c.mask, f.residual_bytes + i * f.residual_stride + j + k * kLanes);
        const __m512i centred = _mm512_sub_epi32(_mm512_cvtepu8_epi32(bytes), residual_zero);
        r = _mm512_add_ps(r, _mm512_mul_ps(_mm512_cvtepi32_ps(centred), residual_scale));
      }
      return _mm512_cvtps_epi32(r);
    };
    for (int64_t i = 0; i < rows; i += 2) {
      const int64_t next = i + 1 < rows ? i + 1 : i;
      const __m512i upper = _mm512_packs_epi32(levels(i, 0), levels(i, 1));
      const __m512i lower = _mm512_packs_epi32(levels(next, 0), levels(next, 1));
      __m512i bytes = _mm512_packus_epi16(_mm512_adds_epi16(upper, range.zero), _mm512_adds_epi16(lower, range.zero));
      bytes = _mm512_min_epu8(_mm512_max_epu8(bytes, range.low), range.high);
      if (f.table != nullptr) bytes = table(bytes);
      bytes = _mm512_permutexvar_epi32(order, bytes);  // each lane held four columns of each quarter
      _mm256_mask_storeu_epi8(y + i * y_stride + j, mask, _mm512_castsi512_si256(bytes));
      _mm256_mask_storeu_epi8(y + next * y_stride + j, mask,
                              next > i ? _mm512_extracti64x4_epi64(bytes, 1) : _mm512_castsi512_si256(bytes));
    }
  }
}

template <class Sum>
void finish_any(const SumsFinish& f, const Sum* sums, int64_t sums_stride, int64_t rows, int64_t columns, uint8_t* y,
                int64_t y_stride) {
  const Any has{f.row_terms != nullptr, f.row_factors != nullptr, f.offset != nullptr,        f.row_stage.scale != 0,
                f.zeros != nullptr,     f.inner_stage.scale != 0, f.residual_bytes != nullptr};
  if (has.terms || has.offset || has.row || has.levels)
    finish(has, f, sums, sums_stride, rows, columns, y, y_stride);
  else if (has.residual && has.inner)
    finish(Usual<true, true>(), f, sums, sums_stride, rows, columns, y, y_stride);
  else if (has.residual)
    finish(Usual<false, true>(), f, sums, sums_stride, rows, columns, y, y_stride);
  else if (has.inner)
    finish(Usual<true, false>(), f, sums, sums_stride, rows, columns, y, y_stride);
  else
    finish(Usual<false, false>(), f, sums, sums_stride, rows, columns, y, y_stride);
}

}  // namespace

void finish_bytes(const SumsFinish& f, const int32_t* sums, int64_t sums_stride, int64_t rows, int64_t columns,
                  uint8_t* y, int64_t y_stride) {
  finish_any(f, sums, sums_stride, rows, columns, y, y_stride);
}
void finish_bytes(const SumsFinish& f, const float* sums, int64_t sums_stride, int64_t rows, int64_t columns,
                  uint8_t* y, int64_t y_stride) {
  finish_any(f, sums, sums_stride, rows, columns, y, y_stride);
}

void lookup_bytes(const uint8_t* x, const uint8_t* table, uint8_t* y, int64_t n) {
  const Table t(table);
  for (int64_t i = 0; i < n; i += 64) {
    const __mmask64 mask = n - i >= 64 ? ~__mmask64{0} : (__mmask64{1} << (n - i)) - 1;
    _mm512_mask_storeu_epi8(y + i, mask, t(_mm512_maskz_loadu_epi8(mask, x + i)));
  }
}

}  // namespace fovea::kernels::avx512
#endif
