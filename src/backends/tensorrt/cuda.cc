// CUDA's runtime, loaded when it is needed.
#include "cuda.h"

#include <mutex>

#include "libraries.h"

namespace fovea::plugin {
namespace {

constexpr int kMajor = CUDART_VERSION / 1000;

Cuda load(const std::string& folder) {
  const SharedLibrary library("libcudart.so." + std::to_string(kMajor), folder,
                              "install CUDA " + std::to_string(kMajor) + ", or name its folder with -O library_path");
  Cuda c{};
  library.find("cudaGetErrorString", c.error_string);
  library.find("cudaGetDeviceCount", c.device_count);
  library.find("cudaSetDevice", c.set_device);
  library.find("cudaDeviceGetAttribute", c.device_attribute);
  library.find("cudaRuntimeGetVersion", c.version);
  library.find("cudaFree", c.free);
  library.find("cudaStreamDestroy", c.stream_destroy);
  library.find("cudaStreamSynchronize", c.stream_synchronize);
  library.find("cudaStreamEndCapture", c.stream_end_capture);
  library.find("cudaGraphDestroy", c.graph_destroy);
  library.find("cudaGraphExecDestroy", c.graph_exec_destroy);
  library.find("cudaGraphLaunch", c.graph_launch);
  library.find("cudaMalloc", c.malloc);
  library.find("cudaMemcpyAsync", c.copy);
  library.find("cudaStreamCreateWithFlags", c.stream_create);
  library.find("cudaStreamBeginCapture", c.stream_begin_capture);
  library.find("cudaGraphInstantiateWithFlags", c.graph_instantiate);
  return c;
}

}  // namespace

void Cuda::check(cudaError_t error, const char* doing) const {
  if (error == cudaSuccess) return;
  const std::string message = std::string("CUDA cannot ") + doing + ": " + error_string(error);
  if (error == cudaErrorMemoryAllocation)
    fail(FOVEA_OUT_OF_MEMORY, message, "use a smaller batch, or a GPU with more memory");
  fail(FOVEA_INTERNAL, message);
}

const Cuda& cuda(const std::string& folder) {
  static std::mutex mutex;
  static Cuda loaded;
  static bool is_loaded = false;
  const std::lock_guard lock(mutex);
  if (!is_loaded) {
    loaded = load(folder);
    is_loaded = true;
  }
  return loaded;
}

DeviceMemory::~DeviceMemory() {
  if (data_) cuda().free(data_);
}

bool DeviceMemory::reserve(size_t bytes) {
  if (data_ && bytes <= bytes_) return false;
  if (data_) cuda().free(data_);
  data_ = nullptr;
  bytes_ = bytes > 0 ? bytes : 1;
  cuda().check(cuda().malloc(&data_, bytes_), "allocate memory on the GPU");
  return true;
}

Stream::Stream() { cuda().check(cuda().stream_create(&stream_, cudaStreamNonBlocking), "make a stream"); }
Stream::~Stream() { cuda().stream_destroy(stream_); }
void Stream::wait() const { cuda().check(cuda().stream_synchronize(stream_), "finish the run"); }

void Graph::reset() {
  if (graph_) cuda().graph_exec_destroy(graph_);
  graph_ = nullptr;
}

void Graph::launch(const Stream& stream) const { cuda().check(cuda().graph_launch(graph_, stream.get()), "run"); }

void Graph::begin(const Stream& stream) {
  cuda().check(cuda().stream_begin_capture(stream.get(), cudaStreamCaptureModeThreadLocal), "record a graph");
}

void Graph::end(const Stream& stream, bool good) {
  reset();
  cudaGraph_t recorded = nullptr;
  const cudaError_t ended = cuda().stream_end_capture(stream.get(), &recorded);
  if (!good || ended != cudaSuccess) {
    if (recorded) cuda().graph_destroy(recorded);
    fail(FOVEA_UNSUPPORTED, "this model cannot be recorded as a CUDA graph", "leave out -O cuda_graph=true");
  }
  const cudaError_t made = cuda().graph_instantiate(&graph_, recorded, 0);
  cuda().graph_destroy(recorded);
  cuda().check(made, "make a graph ready");
}

}  // namespace fovea::plugin
