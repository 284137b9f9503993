// What stands for the bytes of an image: looked up while a step copies the image's lines for its product (fovea.Conv
// and fovea.QConv with a table), or by a step of its own (fovea.QLookup with a table for each channel, or one of
// floats).
#pragma once

#include <optional>
#include <vector>

#include "cpu/lower.h"
#include "ops/fovea_q_epilogue.h"
#include "ops/lookup.h"

namespace fovea::cpu {

class PixelTable {
 public:
  /// From the node's constant, in the numbers that the product reads: f32, bf16, u8, or i16 for bytes. nullopt where
  /// the node has none; `node.has(input)` without a constant is nothing that a fast step does.
  static std::optional<PixelTable> of(const LowerNode& node, size_t input, DType numbers);

  /// `pixels` pixels, their channels side by side in both.
  void copy(const uint8_t* x, int64_t pixels, void* to) const;
  /// 1 where one table serves them all.
  int64_t channels() const { return channels_; }

 private:
  template <class Number>
  static void look_up(const Number* table, int64_t channels, const uint8_t* x, int64_t pixels, Number* to);

  DType numbers_ = DType::f32;
  int64_t channels_ = 1;
  std::vector<std::byte> values_;  // [channels][256]
};

/// The node as it would be without its table, its image being f32: what sizes and forms are read from.
LowerNode without_table(const LowerNode& node);

}  // namespace fovea::cpu
