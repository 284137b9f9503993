// A plan on a GPU: TensorRT's engine and execution context.
#pragma once

#include <NvInfer.h>

#include <deque>
#include <memory>
#include <string>

#include "builder.h"
#include "cuda.h"
#include "plan_cache.h"
#include "plugin.h"

namespace fovea::plugin {

struct EngineSettings {
  BuildSettings build;
  Profile profile;                // by the user, or from the shapes that the request names
  bool profile_is_fixed = false;  // the user's: a shape outside it is an error, not a reason to build again
  bool cuda_graph = false;
  int device_id = 0;
  std::string device;  // "sm_90", for the caches
  std::string text;    // of all options that make another plan
};

class TensorRtEngine final : public Engine {
 public:
  /// Builds at once, or takes the plan from the cache, where `settings.profile` covers all open shapes; else when the
  /// first inputs show them.
  TensorRtEngine(const Request& request, EngineSettings settings);

  void prepare(std::span<const Port> ports) override;
  void run(std::span<const fovea_tensor> tensors, Outputs& places) override;

 private:
  /// Where TensorRT puts an output whose shape only the run shows.
  class Allocator final : public nvinfer1::IOutputAllocator {
   public:
    void* reallocateOutputAsync(const char* name, void* memory, uint64_t size, uint64_t alignment,
                                cudaStream_t stream) noexcept override;
    void notifyShape(const char* /*name*/, const nvinfer1::Dims& dims) noexcept override { shape = dims; }
    DeviceMemory memory;
    nvinfer1::Dims shape{};
  };

  std::string key(const Profile& profile) const;
  bool load_from_cache(const Profile& profile);
  void build(const ParsedModel& parsed, const Profile& profile);
  void load(const std::vector<char>& plan, const Profile& profile, bool from_cache);
  void ensure(std::span<const std::vector<int64_t>> shapes);
  bool is_within_profile(std::span<const std::vector<int64_t>> shapes) const;
  void set_ports();
  void set_shapes(std::span<const std::vector<int64_t>> shapes);
  void copy_inputs(std::span<const fovea_tensor> tensors);
  void enqueue();

  std::string model_;
  EngineSettings settings_;
  PlanCache cache_;
  std::string fingerprint_;
  std::unique_ptr<nvinfer1::IRuntime> runtime_;
  std::unique_ptr<nvinfer1::ICudaEngine> engine_;
  std::deque<Allocator> output_memory_;
  std::deque<DeviceMemory> input_memory_;
  std::unique_ptr<nvinfer1::IExecutionContext> context_;
  std::vector<std::vector<int64_t>> shapes_;  // that the context has
  bool outputs_are_fixed_ = true;             // by these
  Stream stream_;
  Graph graph_;
};

}  // namespace fovea::plugin
