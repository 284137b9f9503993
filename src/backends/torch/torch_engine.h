// What both kinds of LibTorch models share.
#pragma once

#include <c10/core/Device.h>

#include <filesystem>
#include <memory>

#include "plugin.h"

namespace fovea::plugin {

/// A TorchScript module (.pt), frozen and optimised. Its precision is made: the module and its inputs are converted.
std::unique_ptr<Engine> compile_torchscript(const Request& request, Options options, c10::Device device);

/// What load_inductor_package() throws for a package of another precision than the one asked for.
struct OtherPrecision : Failure {};

/// A package of AOTInductor (.pt2). Its precision and its threads were settled when it was compiled.
std::unique_ptr<Engine> load_inductor_package(const Request& request, Options options, c10::Device device);

/// The options that remain to be known after take().
extern const fovea_option kOptions[];

/// libtorch_cpu.so, where it was found.
std::filesystem::path library_file();

/// Sets LibTorch's threads; they belong to the thread that calls.
void use_threads(int threads);

}  // namespace fovea::plugin
