// libjpeg-turbo with its errors as values: what decoding a JPEG as a whole and decoding it row by row share.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <cstdio>  // jpeglib.h needs size_t and FILE
#include <span>

#include <jpeglib.h>

#include "fovea/result.h"

namespace fovea::image {

/// Owns libjpeg's state; every call into libjpeg goes through run(). Decodes as Pillow does: islow DCT, fancy
/// upsampling, block smoothing.
class JpegSession {
 public:
  /// The bytes must outlive it.
  explicit JpegSession(std::span<const std::byte> bytes);
  ~JpegSession() { jpeg_destroy_decompress(&jpeg_); }
  JpegSession(const JpegSession&) = delete;
  JpegSession& operator=(const JpegSession&) = delete;

  /// Reads the header. Error: as decode(); unsupported for other numbers of channels than 1, 3 and 4.
  Result<void> open();

  // False where libjpeg gave up. `step` must not own anything: a jump over it runs no destructors.
  template <class Step>
  bool run(Step step) {
    if (setjmp(errors_.back) != 0) return false;
    step(&jpeg_);
    return true;
  }

  j_decompress_ptr jpeg() { return &jpeg_; }
  const jpeg_decompress_struct* jpeg() const { return &jpeg_; }
  /// Why libjpeg gave up.
  Error error() const;

 private:
  // libjpeg reports errors by calling on_error, which must not return: it jumps back to run().
  struct ErrorManager {
    jpeg_error_mgr base;  // first, so that libjpeg's pointer to it is ours
    std::jmp_buf back;
    char message[JMSG_LENGTH_MAX];
  };
  static void on_error(j_common_ptr info);

  jpeg_decompress_struct jpeg_{};
  ErrorManager errors_{};
  jpeg_source_mgr source_{};
  jpeg_progress_mgr progress_{};
};

}  // namespace fovea::image
