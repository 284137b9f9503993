// CUDA's runtime, loaded when it is needed: the few functions that the backend calls, and owners of what they make.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <string>
#include <utility>

#include "plugin.h"

namespace fovea::plugin {

/// The functions of libcudart, by name.
struct Cuda {
  decltype(&::cudaGetErrorString) error_string;
  decltype(&::cudaGetDeviceCount) device_count;
  decltype(&::cudaSetDevice) set_device;
  decltype(&::cudaDeviceGetAttribute) device_attribute;
  decltype(&::cudaRuntimeGetVersion) version;
  decltype(&::cudaFree) free;
  decltype(&::cudaStreamDestroy) stream_destroy;
  decltype(&::cudaStreamSynchronize) stream_synchronize;
  decltype(&::cudaStreamEndCapture) stream_end_capture;
  decltype(&::cudaGraphDestroy) graph_destroy;
  decltype(&::cudaGraphExecDestroy) graph_exec_destroy;
  decltype(&::cudaGraphLaunch) graph_launch;
  // The header gives these overloads in C++.
  cudaError_t (*malloc)(void**, size_t);
  cudaError_t (*copy)(void*, const void*, size_t, cudaMemcpyKind, cudaStream_t);
  cudaError_t (*stream_create)(cudaStream_t*, unsigned);
  cudaError_t (*stream_begin_capture)(cudaStream_t, cudaStreamCaptureMode);
  cudaError_t (*graph_instantiate)(cudaGraphExec_t*, cudaGraph_t, unsigned long long);

  /// Throws what CUDA says of an error. FOVEA_OUT_OF_MEMORY where it lacks memory.
  void check(cudaError_t error, const char* doing) const;
};

/// Loads libcudart of the headers' major version from `folder` ("": where the system looks). Throws FOVEA_UNAVAILABLE.
const Cuda& cuda(const std::string& folder = {});

/// Memory on the device.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  DeviceMemory(DeviceMemory&& other) noexcept { swap(other); }
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    swap(other);
    return *this;
  }
  ~DeviceMemory();

  /// Room for `bytes`; what was in it is lost where it has to grow. True where the address changed.
  bool reserve(size_t bytes);
  void* data() const { return data_; }

 private:
  void swap(DeviceMemory& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
  }
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

class Stream {
 public:
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  cudaStream_t get() const { return stream_; }
  void wait() const;

 private:
  cudaStream_t stream_ = nullptr;
};

/// What a stream was given to do, recorded once and launched as a whole.
class Graph {
 public:
  Graph() = default;
  ~Graph() { reset(); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  explicit operator bool() const { return graph_ != nullptr; }
  void reset();
  void launch(const Stream& stream) const;

  /// Records what f puts on the stream; f returns false where it failed.
  template <class F>
  void capture(const Stream& stream, F f) {
    begin(stream);
    const bool good = f();
    end(stream, good);
  }

 private:
  static void begin(const Stream& stream);
  void end(const Stream& stream, bool good);
  cudaGraphExec_t graph_ = nullptr;
};

}  // namespace fovea::plugin
