#include "kernels/word_gemm.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/cpu_features.h"
#include "kernels/word_isa.h"

namespace fovea::kernels {

namespace {

/// Kernels of one format, the best first.
struct Choice {
  const WordKernel* kernels[6] = {};
  int count = 0;

  void add(bool runs, const WordKernel& kernel) {
    if (runs) kernels[count++] = &kernel;
  }
};

Choice choose(WordFormat format) {
  Choice choice;
#if defined(__x86_64__)
  const CpuFeatures& cpu = cpu_features();
#if defined(FOVEA_AVX512)
  if (active_isa() == Isa::avx512) {
    if (format == WordFormat::bf16) {
      choice.add(cpu.amx_bf16 && cpu.avx512_bf16, amx::kBf16);  // results are rounded by AVX-512
      choice.add(cpu.avx512_bf16, avx512::kBf16);
    } else if (format == WordFormat::i8) {
      choice.add(cpu.amx_int8, amx::kI8);
      choice.add(cpu.avx512_vnni, avx512::kI8);
    } else {
      choice.add(true, avx512::kI16);
    }
  }
#endif
  if (active_isa() == Isa::avx512 || active_isa() == Isa::avx2) {
    if (format == WordFormat::i8) choice.add(cpu.avx_vnni, avx2::kI8);
    if (format == WordFormat::i16) choice.add(true, avx2::kI16);
  }
#elif defined(__aarch64__)
  const CpuFeatures& cpu = cpu_features();
  if (active_isa() == Isa::neon) {
    if (format == WordFormat::bf16) {
      choice.add(cpu.arm_bf16, neon::kBf16Pairs);
      choice.add(cpu.arm_bf16, neon::kBf16);
    } else if (format == WordFormat::i8) {
      choice.add(cpu.arm_i8mm, neon::kI8Pairs);
      choice.add(cpu.arm_i8mm, neon::kI8);
      choice.add(cpu.arm_dotprod, neon::kI8Signed);
    } else {
      choice.add(true, neon::kI16);
    }
  }
#endif
  if (format == WordFormat::i16) choice.add(true, portable::kI16);
  return choice;
}

const Choice& choice_of(WordFormat format) {
  static const Choice choices[] = {choose(WordFormat::bf16), choose(WordFormat::i8), choose(WordFormat::i16)};
  return choices[static_cast<int>(format)];
}

/// A number as it lies in half a word.
uint16_t half_word(float x) { return bf16(x).bits; }
uint16_t half_word(int8_t x) { return static_cast<uint16_t>(int16_t{x}); }

/// `Number` as it lies in a word.
template <class Number, class T>
void pack(const WordKernel& kernel, const WordSource<T>& s, int64_t first, int64_t last, uint32_t* out) {
  constexpr int64_t kPerWord = static_cast<int64_t>(4 / sizeof(Number));
  const int64_t width = kernel.columns, words = tap_words(kernel, s.depth);
  for (int64_t p = first; p < last; ++p) {
    const int64_t n0 = p * width, valid = std::min(width, s.n - n0);
    uint32_t* panel = out + p * panel_words(kernel, s.taps, s.depth);
    for (int64_t t = 0; t < s.taps; ++t, panel += words * width) {
      const T* from = s.b + n0 * s.n_stride + t * s.tap_stride;
      std::memset(panel, 0, static_cast<size_t>(words * width) * 4);
      auto* to = reinterpret_cast<Number*>(panel);
      // In short stretches of k, so that both sides stay in the cache where columns are far apart.
      constexpr int64_t kStretch = 32;
      for (int64_t k0 = 0; k0 < s.depth; k0 += kStretch) {
        const int64_t k1 = std::min(s.depth, k0 + kStretch);
        for (int64_t n = 0; n < valid; ++n)
          for (int64_t k = k0; k < k1; ++k) {
            const int64_t word = k / kPerWord * width + n;
            const T value = from[n * s.n_stride + k * s.k_stride];
            if constexpr (sizeof(Number) == 1)
              to[word * kPerWord + k % kPerWord] = static_cast<Number>(value);
            else
              to[word * kPerWord + k % kPerWord] = half_word(value);
          }
      }
    }
  }
}

}  // namespace

const WordKernel& i8_kernel() {
  const Choice& bytes = choice_of(WordFormat::i8);
  return bytes.count > 0 ? *bytes.kernels[0] : *choice_of(WordFormat::i16).kernels[0];
}

const WordKernel* bf16_kernel() { return choice_of(WordFormat::bf16).kernels[0]; }

int word_kernels(WordFormat format, const WordKernel* const** kernels) {
  *kernels = choice_of(format).kernels;
  return choice_of(format).count;
}

WordEnd WordEnd::from_row(int64_t row) const {
  WordEnd end = *this;
  if (rows != nullptr) {
    end.rows += row;
  } else {
    end.finish.residual = finish.residual.at(row, 0);
    end.y = y.at(row, 0);
  }
  return end;
}

WordEnd WordEnd::from_column(int64_t column) const {
  WordEnd end = *this;
  if (finish.bias != nullptr) end.finish.bias += column;
  if (finish.scale != nullptr) end.finish.scale += column;
  end.finish.residual = finish.residual.at(0, column);
  end.y = y.at(0, column);
  end.columns -= column;
  return end;
}

bool finishes(const WordKernel& kernel, const Finish& f) {
  if (kernel.finish_panels == nullptr || f.scale != nullptr) return false;
  switch (f.activation.kind) {
    case ActivationKind::none: return true;
    case ActivationKind::relu: return !f.residual || !f.residual_last;
    case ActivationKind::hard_swish:
    case ActivationKind::gelu:
    case ActivationKind::silu: return !f.residual;
    default: return false;
  }
}

void finish_block(const WordKernel& kernel, const WordEnd& end, const float* sums, int64_t rows) {
  for (int64_t i = 0; i < rows;) {
    int64_t count = end.rows == nullptr ? rows : 1;
    const int64_t row = end.rows == nullptr ? 0 : end.rows[i];
    if (end.rows != nullptr)  // rows that follow each other, or that nobody wants
      while (i + count < rows && end.rows[i + count] == (row < 0 ? row : row + count)) ++count;
    if (row >= 0) {
      Finish f = end.finish;
      f.residual = end.finish.residual.at(row, 0);
      finish_rows(f, sums + i * kernel.columns, kernel.columns, count, std::min<int64_t>(end.columns, kernel.columns),
                  end.y.at(row, 0));
    }
    i += count;
  }
}

int64_t tap_words(const WordKernel& kernel, int64_t depth) {
  return round_up(ceil_div(depth, numbers_per_word(kernel.format)), kernel.depth_words);
}

int64_t panel_count(const WordKernel& kernel, int64_t n) { return ceil_div(n, kernel.columns); }

int64_t group_rows(const WordKernel& kernel, int64_t rows) { return ceil_div(rows, ceil_div(rows, kernel.row_group)); }

int64_t padded_rows(const WordKernel& kernel, int64_t rows) { return round_up(rows, group_rows(kernel, rows)); }

int64_t panel_words(const WordKernel& kernel, int64_t taps, int64_t depth) {
  return kernel.columns * taps * tap_words(kernel, depth);
}

void pack_words(const WordKernel& kernel, const WordSource<float>& source, int64_t first, int64_t last, uint32_t* out) {
  pack<uint16_t>(kernel, source, first, last, out);
}

void pack_words(const WordKernel& kernel, const WordSource<int8_t>& source, int64_t first, int64_t last,
                uint32_t* out) {
  if (kernel.format == WordFormat::i8)
    pack<int8_t>(kernel, source, first, last, out);
  else
    pack<uint16_t>(kernel, source, first, last, out);
}

}  // namespace fovea::kernels
