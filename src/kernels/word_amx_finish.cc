// Products of bf16 with AMX whose sums are finished while the tiles multiply what comes next: the unit of vectors is
// idle then, and a finished block's sums are still in the L1 cache.
#if defined(__AMX_TILE__) || defined(__AMXTILE__)  // as g++ and clang say it
#include "kernels/word_amx_finish.h"

#include <type_traits>

#include "kernels/brief_avx512.h"
#include "kernels/brief_rows_avx512.h"
#include "kernels/word_amx.h"

namespace fovea::kernels::amx {
namespace {

using avx512::Bf16Rows;
using avx512::F32Rows;
using avx512::Masks;
using avx512::NoRows;
using avx512::Pair;
using V = avx512::Vector;

#include "kernels/vector_math.inc.h"

constexpr int64_t kPairRows = 2 * kRows;

/// What is done between the products: rows of the block before are finished, and words brought to the cache.
template <class Residual, class Out, class Act>
class Between {
 public:
  Between(const WordEnd& end, const Act& act, const Ahead& ahead, int64_t rows_per_step)
      : ahead_(ahead),
        act_(act),
        bias_(end.finish.bias),
        rows_(end.rows),
        residual_(end.finish.residual.data),
        y_(end.y.data),
        residual_step_(end.finish.residual.stride * (end.finish.residual.bf16 ? 2 : 4)),
        y_step_(end.y.stride * Out::kBytes),
        residual_column_(kColumns * (end.finish.residual.bf16 ? 2 : 4)),
        rows_per_step_(rows_per_step) {}

  [[gnu::always_inline]] void step() {
    ahead_.step();
    if (left_ > 0) finish(rows_per_step_);
  }
  void rest() { finish(left_); }
  void stop_ahead() { ahead_.lines_per_step = 0; }

  /// Sums that are stored before the next step: `rows` rows from `row` of the block on, of panel `panel`.
  void take(const float* sums, int64_t row, int64_t rows, int64_t panel, int64_t columns) {
    sums_ = sums;
    row_ = row;
    left_ = rows;
    masks_ = Masks::of(columns);
    column_ = panel;
    bias_pair_ = masks_.load(bias_ != nullptr ? bias_ + panel * kColumns : nullptr, 0.0f);
  }

 private:
  [[gnu::always_inline]] void finish(int64_t most) {
    int64_t count = most < left_ ? most : left_;
    left_ -= count;
    for (; count > 0; --count, ++row_, sums_ += kColumns) {
      const int64_t row = rows_ != nullptr ? rows_[row_] : row_;
      if (row < 0) continue;
      const Masks m = masks_;
      const std::byte* residual = nullptr;
      if constexpr (!std::is_same_v<Residual, NoRows>)
        residual = residual_ + row * residual_step_ + column_ * residual_column_;
      const Pair r = Residual::load(residual, m);
      __m512 low = _mm512_add_ps(_mm512_add_ps(_mm512_loadu_ps(sums_), bias_pair_.low), r.low);
      __m512 high = _mm512_add_ps(_mm512_add_ps(_mm512_loadu_ps(sums_ + 16), bias_pair_.high), r.high);
      Out::store(y_ + row * y_step_ + column_ * (kColumns * Out::kBytes), m, {act_(low), act_(high)});
    }
  }

  Ahead ahead_;
  Act act_;
  const float* bias_;
  const int32_t* rows_;
  const std::byte* residual_;
  std::byte* y_;
  int64_t residual_step_, y_step_, residual_column_, rows_per_step_;
  const float* sums_ = nullptr;
  int64_t row_ = 0, left_ = 0, column_ = 0;
  Masks masks_{};
  Pair bias_pair_{};
};

template <class Residual, class Out, class Act>
void panels(const WordBlock& t, const WordEnd& end, int64_t panel_words, const Act& act) {
  // Of this block and the one before.
  alignas(64) uint32_t room[2][kPairRows * kColumns];
  const int64_t height = t.group_rows, groups = (t.rows + height - 1) / height, count = (groups + 1) / 2;
  const int64_t panel_count = (end.columns + kColumns - 1) / kColumns, steps = t.taps * (t.words / kDepth);
  const int64_t lower = height * t.a_stride, lower_sums = height * kColumns;
  constexpr int64_t kFewest = 2;
  const int64_t rows_per_step = steps >= kPairRows / kFewest ? kFewest : (kPairRows + steps - 1) / steps;
  Between<Residual, Out, Act> between(end, act, ahead_of(t, count * panel_count, steps), rows_per_step);
  WordBlock part = t;
  Sums before;
  int turn = 0;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = i * 2 * height, rows = t.rows - row < 2 * height ? t.rows - row : 2 * height;
    for (int64_t p = 0; p < panel_count; ++p) {
      part.panel = t.panel + p * panel_words;
      const bool two = 2 * i + 1 < groups;
      const Sums made{room[turn], two ? room[turn] + lower_sums : nullptr};
      Sums wanted = made;  // read only where the block accumulates
      if (t.accumulate) {
        wanted.upper = static_cast<uint32_t*>(t.sums) + row * kColumns;
        wanted.lower = two ? wanted.upper + lower_sums : nullptr;
      }
      const std::byte* a = t.a + row * t.a_stride;
      if (two) {
        tiles<Bf16, true>(part, a, lower, before, wanted, between);
      } else {
        tiles<Bf16, false>(part, a, 0, before, wanted, between);
      }
      between.rest();
      if (t.ahead_leads) between.stop_ahead();
      const int64_t columns = end.columns - p * kColumns;
      between.take(reinterpret_cast<const float*>(made.upper), row, rows, p, columns);
      before = made;
      turn ^= 1;
    }
  }
  store_last(before, kColumns * 4);
  between.rest();
}

template <class Residual, class Out>
void with_activation(const WordBlock& t, const WordEnd& end, int64_t panel_words) {
  const auto run = [&](auto act) { panels<Residual, Out>(t, end, panel_words, act); };
  constexpr bool kBrief = std::is_same_v<Out, Bf16Rows>;
  const Activation& a = end.finish.activation;
  if (a.kind == ActivationKind::none) return run([](__m512 x) FOVEA_VECTOR_LAMBDA { return x; });
  if (a.kind == ActivationKind::relu)
    return run([](__m512 x) FOVEA_VECTOR_LAMBDA { return _mm512_max_ps(_mm512_setzero_ps(), x); });
  if constexpr (std::is_same_v<Residual, NoRows>) {
    if (a.kind == ActivationKind::hard_swish)
      return run([](__m512 x) FOVEA_VECTOR_LAMBDA { return vector_hard_swish<V>(x); });
    if (a.kind == ActivationKind::gelu)
      return run([](__m512 x) FOVEA_VECTOR_LAMBDA {
        if constexpr (kBrief)
          return avx512::brief_gelu(x);
        else
          return vector_activation<V>(x, {ActivationKind::gelu, 0, 0});
      });
    if (a.kind == ActivationKind::silu)
      return run([alpha = a.alpha](__m512 x) FOVEA_VECTOR_LAMBDA {
        if constexpr (kBrief)
          return avx512::brief_silu(x, alpha);
        else
          return vector_activation<V>(x, {ActivationKind::silu, alpha, 0});
      });
  }
}

template <class Residual>
void with_output(const WordBlock& t, const WordEnd& end, int64_t panel_words) {
  end.y.bf16 ? with_activation<Residual, Bf16Rows>(t, end, panel_words)
             : with_activation<Residual, F32Rows>(t, end, panel_words);
}

}  // namespace

void finish_panels(const WordBlock& t, const WordEnd& end, int64_t panel_words) {
  if (!end.finish.residual)
    with_output<NoRows>(t, end, panel_words);
  else if (end.finish.residual.bf16)
    with_output<Bf16Rows>(t, end, panel_words);
  else
    with_output<F32Rows>(t, end, panel_words);
}

}  // namespace fovea::kernels::amx
#endif
