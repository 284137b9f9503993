// Makes Highway's dynamic dispatch obey FOVEA_ISA, as base/cpu_features.h understands it.
#pragma once

namespace fovea::kernels {

/// Called before the first dispatch of each Highway kernel; does its work once a process.
void obey_active_isa();

}  // namespace fovea::kernels
