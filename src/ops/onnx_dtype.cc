#include "ops/onnx_dtype.h"

#include "base/error.h"

namespace fovea::ops {

Result<DType> dtype_from_onnx(int64_t number) {
  switch (number) {
    case 1: return DType::f32;
    case 2: return DType::u8;
    case 3: return DType::i8;
    case 4: return DType::u16;
    case 5: return DType::i16;
    case 6: return DType::i32;
    case 7: return DType::i64;
    case 9: return DType::boolean;
    case 10: return DType::f16;
    case 11: return DType::f64;
    case 12: return DType::u32;
    case 13: return DType::u64;
    case 16: return DType::bf16;
  }
  if (number < 1 || number > 28) return invalid_model("{} is not the number of an element type", number);
  const std::string_view kind = number == 8                    ? "strings"
                                : number == 14 || number == 15 ? "complex numbers"
                                                               : "numbers of 8 bits or fewer in this format";
  return unsupported("element type {} ({}) is not one that fovea has", number, kind);
}

}  // namespace fovea::ops
