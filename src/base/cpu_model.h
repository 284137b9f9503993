// What the CPU is called.
#pragma once

#include <istream>
#include <string>

namespace fovea {

/// From the text of /proc/cpuinfo: the name of the model; on Arm, where there is none, the numbers of implementer,
/// variant, part and revision of each kind of core. "" where it says neither.
std::string cpu_model(std::istream& cpuinfo);

/// Of this machine.
std::string cpu_model();

}  // namespace fovea
