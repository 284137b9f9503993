// The two passes of Pillow's 8-bit resampling over RGB bytes: sums of bytes times integer weights, four taps at a time.
//
// Taps are taken in quads: four neighbouring pixels (or rows) that begin at a multiple of four. Along x, sixteen rows
// are spread once so that four neighbours of a colour share 32 bits; each output then takes its quads as they are. What
// comes out is a block for each four rows, in which four rows of a colour share 32 bits: the quads of the pass along y.
#pragma once

#include <cstdint>

namespace fovea::kernels {

/// Weights are integers with 22 fractional bits, none as large as 1.99; sums start at one half, are shifted right by 22
/// and clipped to 0..255.
inline constexpr int kResampleBits = 22;
inline constexpr int64_t kResampleQuad = 4;
/// 32-bit words that the weights of a quad take; what they hold is the instruction set's own affair.
inline constexpr int64_t kResampleQuadWords = 4;
/// Rows that the pass along x takes at once, and the blocks that it makes of them.
inline constexpr int64_t kResampleRows = 16;
inline constexpr int64_t kResampleBlocks = kResampleRows / kResampleQuad;
/// Bytes of one pixel of a block: four rows of R, then of G, of B, and four that mean nothing.
inline constexpr int64_t kResampleBlockPixel = 16;
/// Bytes that each row's scratch memory takes for a quad.
inline constexpr int64_t kResampleScratch = kResampleRows * kResampleBlockPixel;
/// Bytes beyond the last quad's first pixel that resample_rows may read (and ignore).
inline constexpr int64_t kResampleOverread = 16;
/// Pixels of a block or of a row of floats that the passes along y may read beyond the last one. Both begin at a
/// multiple of 64 bytes.
inline constexpr int64_t kResamplePixelsOverread = 16;

/// For each output the first quad that it reads, how many (at least 1), and their weights. Neither
/// `first` nor first + count ever falls.
struct ResampleQuads {
  const int64_t* first = nullptr;
  const int64_t* count = nullptr;
  const uint32_t* words = nullptr;  // outputs * stride * kResampleQuadWords
  int64_t stride = 0;               // quads; at least each count
};

/// Writes the words of one quad for the instruction set that the passes run with.
void pack_resample_quad(const int32_t weights[4], uint32_t words[kResampleQuadWords]);

/// Along x, for kResampleRows rows (the same one may be given several times). blocks[b] gets outputs *
/// kResampleBlockPixel bytes of rows 4b to 4b + 3. `scratch`, at a multiple of 64 bytes, holds kResampleScratch bytes
/// for each quad from first[0] to the last. Precondition: of each row 12 * (last quad + 1) + 4 bytes are readable.
void resample_rows(const uint8_t* const* in, const ResampleQuads& quads, int64_t outputs, uint8_t* scratch,
                   uint8_t* const* blocks);

/// Along y: one row of `pixels` RGB pixels from `quads` blocks with the words of each.
void resample_columns(const uint8_t* const* blocks, const uint32_t* words, int64_t quads, int64_t pixels, uint8_t* rgb);

/// As resample_rows, clipped but not rounded: rows[r] gets 4 * outputs floats, R, G, B and one that means
/// nothing.
void resample_rows_float(const uint8_t* const* in, const ResampleQuads& quads, int64_t outputs, uint8_t* scratch,
                         float* const* rows);

/// Along y over such rows: one row of `pixels` RGB pixels, the nearest whole numbers (of two the even one), clipped.
void resample_columns_float(const float* const* rows, const float* weights, int64_t taps, int64_t pixels, uint8_t* rgb);

/// The instruction set that the functions above run with, in Highway's words ("AVX2", "AVX3", "NEON", ...).
const char* resample_target();

}  // namespace fovea::kernels
