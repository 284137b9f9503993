#include "base/cpu_model.h"

#include <sstream>

#include <gtest/gtest.h>

namespace fovea {
namespace {

std::string model_of(const char* text) {
  std::istringstream cpuinfo(text);
  return cpu_model(cpuinfo);
}

TEST(CpuModel, TheNameWhereThereIsOne) {
  EXPECT_EQ(model_of("processor\t: 0\nvendor_id\t: GenuineIntel\nmodel\t\t: 143\nmodel name\t: Some Xeon @ 2 GHz\n"),
            "Some Xeon @ 2 GHz");
  EXPECT_EQ(model_of("processor\t: 0\n"), "");
}

TEST(CpuModel, NumbersOfEachKindOfCoreOnArm) {
  const std::string core = "processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x1\n";
  const std::string large = core + "CPU part\t: 0xd4f\nCPU revision\t: 0\n\n",
                    small = core + "CPU part\t: 0xd05\nCPU revision\t: 2\n\n";
  EXPECT_EQ(model_of((large + large).c_str()), "Arm 0x41 0x1 0xd4f 0");
  EXPECT_EQ(model_of((large + small + large).c_str()), "Arm 0x41 0x1 0xd05 2, 0x41 0x1 0xd4f 0");
}

}  // namespace
}  // namespace fovea
