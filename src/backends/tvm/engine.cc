// A compiled module in TVM's virtual machine.
#include "engine.h"

#include <tvm/ffi/container/array.h>
#include <tvm/ffi/error.h>

#include <cstdlib>
#include <cstring>

namespace fovea::plugin {
namespace {

namespace ffi = tvm::ffi;

constexpr size_t kAlignment = 64;  // of TVM's own tensors, which compiled code relies on
constexpr int kPooled = 2;         // allocator of the virtual machine: keeps memory from run to run

DLDataType to_dl_type(int32_t dtype) {
  const auto bits = static_cast<uint8_t>(8 * size_of(dtype));
  switch (dtype) {
    case FOVEA_F32:
    case FOVEA_F64:
    case FOVEA_F16: return {kDLFloat, bits, 1};
    case FOVEA_BF16: return {kDLBfloat, bits, 1};
    case FOVEA_I8:
    case FOVEA_I16:
    case FOVEA_I32:
    case FOVEA_I64: return {kDLInt, bits, 1};
    case FOVEA_BOOL: return {kDLBool, bits, 1};
    default: return {kDLUInt, bits, 1};
  }
}

int32_t to_dtype(DLDataType type) {
  for (int32_t dtype = FOVEA_F32; dtype <= FOVEA_BOOL; ++dtype) {
    const DLDataType known = to_dl_type(dtype);
    if (known.code == type.code && known.bits == type.bits && type.lanes == 1) return dtype;
  }
  fail(FOVEA_UNSUPPORTED, "the module returns tensors of a type that fovea has not", "compile it for another type");
}

/// A DLManagedTensor for memory of the caller's.
struct Borrowed {
  DLManagedTensor managed{};
  std::vector<int64_t> shape;
};

ffi::Tensor borrow(void* data, DLDataType type, std::span<const int64_t> shape) {
  auto* borrowed = new Borrowed{{}, {shape.begin(), shape.end()}};
  borrowed->managed.dl_tensor = {
      data, {kDLCPU, 0}, static_cast<int32_t>(shape.size()), type, borrowed->shape.data(), nullptr, 0};
  borrowed->managed.manager_ctx = borrowed;
  borrowed->managed.deleter = [](DLManagedTensor* self) { delete static_cast<Borrowed*>(self->manager_ctx); };
  return ffi::Tensor::FromDLPack(&borrowed->managed);
}

struct Aligned {
  void AllocData(DLTensor* tensor) {
    const size_t bytes = (ffi::GetDataSize(*tensor) + kAlignment - 1) / kAlignment * kAlignment;
    tensor->data = std::aligned_alloc(kAlignment, bytes);
    if (!tensor->data) throw std::bad_alloc();
  }
  void FreeData(DLTensor* tensor) { std::free(tensor->data); }
};

/// The pool belongs to the thread that calls; its size is settled when it starts, how many of it work may change.
void use_threads(int threads) {
  thread_local int used = 0;
  if (used == threads) return;
  if (used == 0) setenv("TVM_NUM_THREADS", std::to_string(threads).c_str(), 1);
  ffi::Function::GetGlobalRequired("runtime.config_threadpool")(1, threads);
  used = threads;
}

}  // namespace

std::string message_of(const std::exception& e) {
  const auto* own = dynamic_cast<const ffi::Error*>(&e);
  std::string text = own ? std::string(own->message()) : e.what();
  return text.substr(0, text.find('\n'));
}

TvmEngine::TvmEngine(const std::string& library, Sidecar sidecar, int threads)
    : threads_(threads), copies_(sidecar.inputs.size()) {
  inputs = std::move(sidecar.inputs);
  outputs = std::move(sidecar.outputs);
  facts = std::move(sidecar.facts);
  for (auto& [name, value] : facts)
    if (name == "threads") name = "tuned for threads";
  facts.emplace_back("threads", std::to_string(threads));
  try {
    use_threads(threads);
    library_ = ffi::Module::LoadFromFile(library);
    const auto load = (*library_)->GetFunction("vm_load_executable");
    if (!load.has_value())
      fail(FOVEA_INVALID_MODEL, library + " holds no module of TVM's virtual machine",
           "compile the model with tools/compile_tvm.py");
    machine_ = (*load)().cast<ffi::Module>();
    (*machine_)->GetFunction("vm_initialization").value()(static_cast<int>(kDLCPU), 0, kPooled);
    const auto function = (*machine_)->GetFunction(sidecar.function);
    if (!function.has_value())
      fail(FOVEA_INVALID_MODEL, library + " has no function \"" + sidecar.function + "\"",
           "compile the model again with tools/compile_tvm.py");
    function_ = *function;
  } catch (const std::exception& e) {
    fail(FOVEA_INVALID_MODEL, "TVM cannot load the module: " + message_of(e),
         "compile it with tools/compile_tvm.py, with the TVM that is installed here");
  }
}

ffi::Tensor TvmEngine::as_argument(const fovea_tensor& tensor, size_t i) {
  const std::span<const int64_t> shape(tensor.shape, static_cast<size_t>(tensor.rank));
  const DLDataType type = to_dl_type(tensor.dtype);
  if (reinterpret_cast<uintptr_t>(tensor.data) % kAlignment == 0) return borrow(tensor.data, type, shape);
  if (!copies_[i])
    copies_[i] = ffi::Tensor::FromNDAlloc(Aligned{}, ffi::ShapeView(shape.data(), shape.size()), type, {kDLCPU, 0});
  std::memcpy(copies_[i]->data_ptr(), tensor.data, static_cast<size_t>(element_count(shape)) * size_of(tensor.dtype));
  return *copies_[i];
}

void TvmEngine::deliver(const ffi::Any& result, Outputs& places) const {
  std::vector<ffi::Tensor> tensors;
  if (auto one = result.as<ffi::Tensor>()) {
    tensors.push_back(*one);
  } else if (auto several = result.as<ffi::Array<ffi::Tensor>>()) {
    tensors.assign(several->begin(), several->end());
  } else {
    fail(FOVEA_UNSUPPORTED, "the module returns a " + result.GetTypeKey() + " where tensors are expected",
         "compile it with tools/compile_tvm.py");
  }
  if (tensors.size() != outputs.size())
    fail(FOVEA_INVALID_MODEL,
         "the module returns " + std::to_string(tensors.size()) + " tensors, but its description " + "has " +
             std::to_string(outputs.size()),
         "compile it again with tools/compile_tvm.py");
  for (size_t i = 0; i < tensors.size(); ++i) {
    const ffi::ShapeView shape = tensors[i].shape();
    void* memory = places.place(i, to_dtype(tensors[i].dtype()), {shape.data(), shape.size()});
    if (!tensors[i].IsContiguous()) fail(FOVEA_UNSUPPORTED, "the module returns a tensor with gaps");
    std::memcpy(memory, tensors[i].data_ptr(), ffi::GetDataSize(tensors[i]));
  }
}

void TvmEngine::run(std::span<const fovea_tensor> tensors, Outputs& places) {
  try {
    use_threads(threads_);
    std::vector<ffi::Tensor> arguments;
    for (size_t i = 0; i < tensors.size(); ++i) arguments.push_back(as_argument(tensors[i], i));
    std::vector<ffi::AnyView> views(arguments.begin(), arguments.end());
    ffi::Any result;
    function_->CallPacked(views.data(), static_cast<int32_t>(views.size()), &result);
    deliver(result, places);
  } catch (const ffi::Error& e) {
    fail(FOVEA_INTERNAL, "the module failed: " + message_of(e), "compile it again with tools/compile_tvm.py");
  }
}

}  // namespace fovea::plugin
