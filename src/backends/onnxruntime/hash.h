// A 64-bit hash for keys of caches: fast over the hundred megabytes of a model, and not made to withstand malice.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace fovea::plugin {

class Hash {
 public:
  /// Mixes in the bytes and their number.
  void add(std::string_view bytes) {
    const char* data = bytes.data();
    size_t left = bytes.size();
    for (; left >= 32; left -= 32, data += 32)  // four chains that do not wait for each other
      for (int lane = 0; lane < 4; ++lane) lanes_[lane] = mix(lanes_[lane], word(data + 8 * lane, 8));
    for (; left > 0; left -= left < 8 ? left : 8, data += 8)
      lanes_[0] = mix(lanes_[0], word(data, left < 8 ? left : 8));
    lanes_[1] = mix(lanes_[1], bytes.size());
  }
  uint64_t value() const {
    uint64_t all = 0;
    for (uint64_t lane : lanes_) all = mix(all, lane);
    return all;
  }

 private:
  static uint64_t word(const char* data, size_t count) {
    uint64_t word = 0;
    std::memcpy(&word, data, count);
    return word;
  }
  static uint64_t mix(uint64_t state, uint64_t word) {
    state = (state ^ word) * 0x9e3779b97f4a7c15;
    return state ^ (state >> 32);
  }

  uint64_t lanes_[4] = {0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0,
                        0x082efa98ec4e6c89};  // digits of pi
};

}  // namespace fovea::plugin
