// Products of words with AMX.
#if defined(__AMX_TILE__) || defined(__AMXTILE__)  // as g++ and clang say it
#include "kernels/word_amx.h"

#include "kernels/amx_tiles.h"
#include "kernels/word_amx_finish.h"
#include "kernels/word_isa.h"

namespace fovea::kernels::amx {
namespace {

void begin(int64_t group_rows) { configure_tiles(static_cast<uint8_t>(group_rows)); }

template <class Dot>
void block(const WordBlock& t) {
  const int64_t height = t.group_rows, count = (t.rows + height - 1) / height;
  Ahead ahead = ahead_of(t, (count + 1) / 2, t.taps * (t.words / kDepth));
  const int64_t lower = height * t.a_stride, lower_sums = height * t.sums_stride;
  Sums before, sums{static_cast<uint32_t*>(t.sums), nullptr};
  const std::byte* a = t.a;
  for (int64_t i = 0; i + 1 < count; i += 2, a += 2 * lower) {
    sums.lower = sums.upper + lower_sums;
    tiles<Dot, true>(t, a, lower, before, sums, ahead);
    before = sums;
    sums.upper = sums.lower + lower_sums;
    if (t.ahead_leads) ahead.lines_per_step = 0;
  }
  if (count % 2 != 0) {
    sums.lower = nullptr;
    tiles<Dot, false>(t, a, 0, before, sums, ahead);
    before = sums;
  }
  store_last(before, t.sums_stride * 4);
}

}  // namespace

const WordKernel kBf16{"amx_bf16_32x32", WordFormat::bf16, 32,  kColumns, kDepth, kRows, 512, begin, block<Bf16>,
                       avx512::narrow,   finish_panels,    true};
const WordKernel kI8{"amx_i8_32x32", WordFormat::i8, 32,           kColumns, kDepth,  kRows,
                     1024,           begin,          block<Bytes>, nullptr,  nullptr, true};

}  // namespace fovea::kernels::amx
#endif
