// Tensors and values of LibTorch as the border's.
#include "tensors.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <sstream>

namespace fovea::plugin {
namespace {

constexpr int kDeepest = 16;  // nesting of an output
constexpr size_t kLongestMessage = 400;

void flatten(const at::IValue& value, const std::string& name, int depth, std::vector<Named>& found) {
  const auto inner = [&](const std::string& key) { return name.empty() ? key : name + "." + key; };
  if (depth > kDeepest) fail(FOVEA_UNSUPPORTED, "the module's output is nested too deeply");
  if (value.isTensor()) {
    found.push_back({name.empty() ? "output" : name, value.toTensor()});
  } else if (value.isTuple()) {
    const auto& elements = value.toTupleRef().elements();
    for (size_t i = 0; i < elements.size(); ++i)
      flatten(elements[i], name.empty() ? "output" + std::to_string(i) : inner(std::to_string(i)), depth + 1, found);
  } else if (value.isList()) {
    const auto elements = value.toListRef();
    for (size_t i = 0; i < elements.size(); ++i)
      flatten(elements[i], name.empty() ? "output" + std::to_string(i) : inner(std::to_string(i)), depth + 1, found);
  } else if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict())
      flatten(entry.value(), inner(entry.key().isString() ? entry.key().toStringRef() : "?"), depth + 1, found);
  } else {
    fail(FOVEA_UNSUPPORTED, "the module returns a " + value.tagKind() + " where a tensor is expected",
         "export it so that it returns tensors, or tuples, lists and dictionaries of them");
  }
}

}  // namespace

int32_t to_dtype(at::ScalarType type) {
  switch (type) {
    case at::kFloat: return FOVEA_F32;
    case at::kDouble: return FOVEA_F64;
    case at::kHalf: return FOVEA_F16;
    case at::kBFloat16: return FOVEA_BF16;
    case at::kChar: return FOVEA_I8;
    case at::kByte: return FOVEA_U8;
    case at::kShort: return FOVEA_I16;
    case at::kInt: return FOVEA_I32;
    case at::kLong: return FOVEA_I64;
    case at::kBool: return FOVEA_BOOL;
    default: return -1;
  }
}

at::ScalarType to_scalar_type(int32_t dtype) {
  constexpr at::ScalarType kTypes[] = {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16, at::kChar,
                                       at::kByte,  at::kShort,  at::kInt,  at::kLong,     at::kBool};
  for (at::ScalarType type : kTypes)
    if (to_dtype(type) == dtype) return type;
  fail(FOVEA_UNSUPPORTED, "LibTorch has no tensors of this type", "feed float, 8-bit or signed integer tensors");
}

at::Tensor wrap(const fovea_tensor& tensor) {
  return at::from_blob(tensor.data, at::IntArrayRef(tensor.shape, static_cast<size_t>(tensor.rank)),
                       at::TensorOptions().dtype(to_scalar_type(tensor.dtype)));
}

at::Tensor zeros(const Port& port) {
  std::vector<int64_t> shape = port.shape;
  for (int64_t& extent : shape)
    if (extent < 0) extent = 1;
  return at::zeros(shape, at::TensorOptions().dtype(port.dtype < 0 ? at::kFloat : to_scalar_type(port.dtype)));
}

std::vector<Named> flatten(const at::IValue& value) {
  std::vector<Named> found;
  flatten(value, {}, 0, found);
  return found;
}

void deliver(const at::Tensor& tensor, size_t i, bool widen, Outputs& places) {
  const bool half = tensor.scalar_type() == at::kBFloat16 || tensor.scalar_type() == at::kHalf;
  const at::ScalarType type = half && widen ? at::kFloat : tensor.scalar_type();
  const int32_t dtype = to_dtype(type);
  if (dtype < 0)
    fail(FOVEA_UNSUPPORTED, std::string("the module returns a tensor of type ") + c10::toString(type),
         "export it so that it returns plain numbers");
  void* memory = places.place(i, dtype, {tensor.sizes().data(), tensor.sizes().size()});
  at::from_blob(memory, tensor.sizes(), at::TensorOptions().dtype(type)).copy_(tensor);
}

std::string message_of(const std::exception& e) {
  const auto* own = dynamic_cast<const c10::Error*>(&e);
  std::istringstream lines(own ? own->what_without_backtrace() : e.what());
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    const size_t start = line.find_first_not_of(' ');
    if (start != std::string::npos) text += (text.empty() ? "" : " ") + line.substr(start);
  }
  // A failure inside TorchScript shows the whole Python source; what went wrong is its end.
  if (text.size() > kLongestMessage) text = "..." + text.substr(text.size() - kLongestMessage);
  return text;
}

}  // namespace fovea::plugin
