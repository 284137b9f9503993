// Pillow's 8-bit resampling passes with Highway. All sums are exact integers, so every instruction set gives the same
// bytes.
#include "kernels/resample.h"

#include <cstring>

#include "kernels/dispatch.h"

// Vectors of unknown length cannot be array elements; Arm runs the NEON form.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/resample.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fovea::kernels {
namespace HWY_NAMESPACE {

HWY_INLINE uint8_t clipped(int32_t sum) {
  const int32_t v = sum >> kResampleBits;
  return static_cast<uint8_t>(v < 0 ? 0 : v > 255 ? 255 : v);
}

HWY_INLINE void column_bytes(const uint8_t* const* in, const int32_t* weights, int64_t taps, int64_t begin, int64_t end,
                             uint8_t* out) {
  for (int64_t b = begin; b < end; ++b) {
    int32_t sum = 1 << (kResampleBits - 1);
    for (int64_t t = 0; t < taps; ++t) sum += weights[t] * in[t][b];
    out[b] = clipped(sum);
  }
}

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128

void rows_pass(const uint8_t* const* in, int64_t rows, const ResampleTaps& taps, int64_t outputs, uint8_t* const* out) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < outputs; ++i) {
      const int32_t* weights = taps.weights + i * taps.stride;
      const uint8_t* rgb = in[r] + 3 * taps.first[i];
      int32_t red = 1 << (kResampleBits - 1), green = red, blue = red;
      for (int64_t t = 0; t < taps.count[i]; ++t, rgb += 3) {
        red += weights[t] * rgb[0];
        green += weights[t] * rgb[1];
        blue += weights[t] * rgb[2];
      }
      out[r][3 * i] = clipped(red);
      out[r][3 * i + 1] = clipped(green);
      out[r][3 * i + 2] = clipped(blue);
    }
}

void columns_pass(const uint8_t* const* in, const int32_t* weights, int64_t taps, int64_t bytes, uint8_t* out) {
  column_bytes(in, weights, taps, 0, bytes, out);
}

#else

namespace hn = hwy::HWY_NAMESPACE;

// One tap takes a block of 128 bits: the lanes R, G, B and one that is ignored. Sixteen loaded bytes hold five pixels,
// so at most four blocks share a load.
using Bytes = hn::CappedTag<uint8_t, 64>;
using Sums = hn::CappedTag<int32_t, 16>;
constexpr Bytes kBytes;
constexpr Sums kSums;
using BytesVec = hn::Vec<Bytes>;
using SumsVec = hn::Vec<Sums>;

// Byte shuffles for block k: `pixels` spreads pixel k of a load to 32-bit lanes, `weights` repeats weight k.
struct Shuffles {
  alignas(64) uint8_t pixels[64];
  alignas(64) uint8_t weights[64];
  Shuffles() {
    for (int i = 0; i < 64; ++i) {
      const int block = i / 16, lane = i % 16 / 4, byte = i % 4;
      pixels[i] = static_cast<uint8_t>(byte == 0 && lane < 3 ? 3 * block + lane : 0x80);
      weights[i] = static_cast<uint8_t>(4 * block + byte);
    }
  }
};

// Adds the blocks of a vector to one of 128 bits.
template <class D>
HWY_INLINE hn::Vec<hn::Full128<int32_t> > add_blocks(D d, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(D()) <= 4) {
    return v;
  } else {
    const hn::Half<D> half;
    return add_blocks(half, hn::Add(hn::UpperHalf(half, v), hn::LowerHalf(half, v)));
  }
}

// The pixel of four bytes R, G, B, 0 that a sum of blocks stands for.
HWY_INLINE uint32_t finished(SumsVec blocks) {
  const hn::Full128<int32_t> d;
  const hn::Rebind<uint8_t, decltype(d)> d_bytes;
  const auto sum = hn::Add(add_blocks(kSums, blocks), hn::Set(d, 1 << (kResampleBits - 1)));
  uint8_t bytes[4];
  hn::StoreU(hn::DemoteTo(d_bytes, hn::ShiftRight<kResampleBits>(sum)), d_bytes, bytes);
  uint32_t pixel;
  std::memcpy(&pixel, bytes, 4);
  return pixel;
}

HWY_INLINE SumsVec spread_pixels(const uint8_t* p, BytesVec shuffle) {
  return hn::BitCast(kSums, hn::TableLookupBytesOr0(hn::LoadDup128(kBytes, p), shuffle));
}

// Four rows at once, so that the weights are spread once for all of them.
HWY_INLINE void four_rows(const uint8_t* const* in, const ResampleTaps& taps, int64_t outputs, uint8_t* const* out) {
  static const Shuffles shuffles;
  const hn::Repartition<int32_t, Bytes> words;
  constexpr int64_t kStep = static_cast<int64_t>(hn::MaxLanes(kSums)) / 4;
  const BytesVec pixel_shuffle = hn::Load(kBytes, shuffles.pixels);
  const BytesVec weight_shuffle = hn::Load(kBytes, shuffles.weights);
  for (int64_t i = 0; i < outputs; ++i) {
    const int32_t* weights = taps.weights + i * taps.stride;
    const int64_t count = taps.count[i];
    const uint8_t* p0 = in[0] + 3 * taps.first[i];
    const uint8_t* p1 = in[1] + 3 * taps.first[i];
    const uint8_t* p2 = in[2] + 3 * taps.first[i];
    const uint8_t* p3 = in[3] + 3 * taps.first[i];
    SumsVec s0 = hn::Zero(kSums), s1 = s0, s2 = s0, s3 = s0;
    for (int64_t t = 0; t < count; t += kStep) {
      const auto packed = hn::BitCast(kBytes, hn::LoadDup128(words, weights + t));
      const auto w = hn::BitCast(kSums, hn::TableLookupBytes(packed, weight_shuffle));
      s0 = hn::Add(s0, hn::Mul(spread_pixels(p0 + 3 * t, pixel_shuffle), w));
      s1 = hn::Add(s1, hn::Mul(spread_pixels(p1 + 3 * t, pixel_shuffle), w));
      s2 = hn::Add(s2, hn::Mul(spread_pixels(p2 + 3 * t, pixel_shuffle), w));
      s3 = hn::Add(s3, hn::Mul(spread_pixels(p3 + 3 * t, pixel_shuffle), w));
    }
    const uint32_t pixels[4] = {finished(s0), finished(s1), finished(s2), finished(s3)};
    // Four bytes are one move; the fourth is overwritten by the next pixel, which the last one does not have.
    const bool last = i + 1 == outputs;
    for (int r = 0; r < 4; ++r) {
      if (last)
        std::memcpy(out[r] + 3 * i, &pixels[r], 3);
      else
        std::memcpy(out[r] + 3 * i, &pixels[r], 4);
    }
  }
}

void rows_pass(const uint8_t* const* in, int64_t rows, const ResampleTaps& taps, int64_t outputs, uint8_t* const* out) {
  for (int64_t r = 0; r < rows; r += 4) {
    // Of fewer than four rows the last one is done several times.
    const uint8_t* from[4];
    uint8_t* to[4];
    for (int64_t k = 0; k < 4; ++k) {
      from[k] = in[r + k < rows ? r + k : rows - 1];
      to[k] = out[r + k < rows ? r + k : rows - 1];
    }
    four_rows(from, taps, outputs, to);
  }
}

void columns_pass(const uint8_t* const* in, const int32_t* weights, int64_t taps, int64_t bytes, uint8_t* out) {
  const hn::Rebind<uint8_t, Sums> part_bytes;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(kSums));
  const int64_t step = 4 * lanes;
  const auto half = hn::Set(kSums, 1 << (kResampleBits - 1));
  int64_t b = 0;
  // The last step overlaps the one before: the same bytes are computed twice.
  for (int64_t end = 0; bytes >= step && end < bytes; b = end) {
    end = b + step < bytes ? b + step : bytes;
    const int64_t at = end - step;
    SumsVec s0 = half, s1 = half, s2 = half, s3 = half;
    for (int64_t t = 0; t < taps; ++t) {
      const uint8_t* p = in[t] + at;
      const auto w = hn::Set(kSums, weights[t]);
      s0 = hn::Add(s0, hn::Mul(w, hn::PromoteTo(kSums, hn::LoadU(part_bytes, p))));
      s1 = hn::Add(s1, hn::Mul(w, hn::PromoteTo(kSums, hn::LoadU(part_bytes, p + lanes))));
      s2 = hn::Add(s2, hn::Mul(w, hn::PromoteTo(kSums, hn::LoadU(part_bytes, p + 2 * lanes))));
      s3 = hn::Add(s3, hn::Mul(w, hn::PromoteTo(kSums, hn::LoadU(part_bytes, p + 3 * lanes))));
    }
    hn::StoreU(hn::DemoteTo(part_bytes, hn::ShiftRight<kResampleBits>(s0)), part_bytes, out + at);
    hn::StoreU(hn::DemoteTo(part_bytes, hn::ShiftRight<kResampleBits>(s1)), part_bytes, out + at + lanes);
    hn::StoreU(hn::DemoteTo(part_bytes, hn::ShiftRight<kResampleBits>(s2)), part_bytes, out + at + 2 * lanes);
    hn::StoreU(hn::DemoteTo(part_bytes, hn::ShiftRight<kResampleBits>(s3)), part_bytes, out + at + 3 * lanes);
  }
  column_bytes(in, weights, taps, b, bytes, out);
}

#endif  // HWY_TARGET

const char* target() { return hwy::TargetName(HWY_TARGET); }

}  // namespace HWY_NAMESPACE
}  // namespace fovea::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fovea::kernels {
namespace {

HWY_EXPORT(rows_pass);
HWY_EXPORT(columns_pass);
HWY_EXPORT(target);

}  // namespace

void resample_rows(const uint8_t* const* in, int64_t rows, const ResampleTaps& taps, int64_t outputs,
                   uint8_t* const* out) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(rows_pass)(in, rows, taps, outputs, out);
}

void resample_columns(const uint8_t* const* in, const int32_t* weights, int64_t taps, int64_t bytes, uint8_t* out) {
  obey_active_isa();
  HWY_DYNAMIC_DISPATCH(columns_pass)(in, weights, taps, bytes, out);
}

const char* resample_target() {
  obey_active_isa();
  return HWY_DYNAMIC_DISPATCH(target)();
}

}  // namespace fovea::kernels
#endif  // HWY_ONCE
