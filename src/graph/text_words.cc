#include "graph/text_words.h"

#include <algorithm>

#include <fmt/format.h>

namespace fovea {

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      result += {'\\', c};
    else if (c == '\n')
      result += "\\n";
    else if (c >= ' ' && c <= '~')
      result += c;
    else
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return result + '"';
}

std::string word_text(std::string_view name) {
  return !name.empty() && name != "_" && std::ranges::all_of(name, is_word_character) ? std::string(name)
                                                                                      : quoted(name);
}

bool is_plain_operator(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, is_word_character) && name.find('.') == std::string_view::npos;
}

std::string type_text(const ValueType& type) {
  std::string text(type.dtype ? name_of(*type.dtype) : "?");
  if (!type.shape) return text;
  text += '[';
  for (size_t i = 0; i < type.shape->size(); ++i) {
    const Dim& dim = (*type.shape)[i];
    // A symbol that reads like a number is quoted.
    const bool plain = dim.symbol.empty() || !(dim.symbol[0] >= '0' && dim.symbol[0] <= '9');
    if (i > 0) text += ',';
    if (dim.known())
      text += std::to_string(dim.value);
    else
      text += dim.symbol.empty() ? "?" : plain ? word_text(dim.symbol) : quoted(dim.symbol);
  }
  return text + ']';
}

std::optional<DType> dtype_of_name(std::string_view name) {
  for (const DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i8, DType::u8, DType::i16,
                            DType::u16, DType::i32, DType::u32, DType::i64, DType::u64, DType::boolean})
    if (name_of(dtype) == name) return dtype;
  return std::nullopt;
}

}  // namespace fovea
