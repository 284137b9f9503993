// bf16 numbers as the upper halves of floats, for files written with Highway. Included inside HWY_NAMESPACE; no include
// guard, as each target needs its own copy.

namespace hb = hwy::HWY_NAMESPACE;

using WideFloat = hb::CappedTag<float, 16>;
using WideWord = hb::RebindToUnsigned<WideFloat>;
using BriefWord = hb::Rebind<uint16_t, WideFloat>;

/// bf16(x), rounded to nearest, halves to even, in the upper half of each word, whose lower half is not cleared.
HWY_INLINE hb::Vec<WideWord> rounded_bf16(hb::Vec<WideFloat> x) {
  const WideWord du;
  const auto bits = hb::BitCast(du, x);
  const auto odd = hb::And(hb::ShiftRight<16>(bits), hb::Set(du, 1));
  const auto up = hb::Add(bits, hb::Add(odd, hb::Set(du, 0x7fff)));
  // Rounding might carry a NaN's payload away.
  return hb::IfThenElse(hb::RebindMask(du, hb::IsNaN(x)), hb::Set(du, 0x7fc00000), up);
}

HWY_INLINE hb::Vec<WideFloat> load_bf16(const uint16_t* p) {
  const WideWord du;
  return hb::BitCast(WideFloat(), hb::ShiftLeft<16>(hb::PromoteTo(du, hb::LoadU(BriefWord(), p))));
}

HWY_INLINE void store_bf16(uint16_t* p, hb::Vec<WideFloat> x) {
  const hb::RebindToSigned<WideFloat> di;
  hb::StoreU(hb::DemoteTo(BriefWord(), hb::BitCast(di, hb::ShiftRight<16>(rounded_bf16(x)))), BriefWord(), p);
}
