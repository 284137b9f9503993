// fovea doctor from end to end, and the files that it reads of a GPU's driver.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/system.h"
#include "cli/gpus.h"
#include "cli/run_cli.h"

namespace fovea::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string doctor(std::vector<std::string> flags = {}) {
  std::istringstream in;
  std::ostringstream out, err;
  Console console{in, out, err};
  flags.insert(flags.begin(), "doctor");
  EXPECT_EQ(run_cli(flags, console), 0) << err.str();
  return out.str();
}

/// It measures for a second, so once for several tests.
const std::string& usual_text() {
  static const std::string text = doctor();
  return text;
}

TEST(Doctor, DescribesTheMachineWithItsPeaks) {
  for (const char* title : {"\nsystem ", "\nCPU ", "\nISA ", "\nextensions ", "\ncores ", "\ncaches ", "\nmemory ",
                            "\nGPU ", "\npeak          fp32 with 1 thread: ", "\nlibraries "})
    EXPECT_THAT(usual_text(), HasSubstr(title));
}

TEST(Doctor, SaysOfEachBackendWhereItIsOrWhatToDo) {
  std::istringstream text(usual_text());
  int backends = 0;
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("backend ")) continue;
    ++backends;
    EXPECT_TRUE(line.find(" yes ") != std::string::npos || line.find("; ") != std::string::npos) << line;
  }
  EXPECT_GE(backends, 6);
  EXPECT_THAT(usual_text(), HasSubstr("backend       native                yes  "));
  EXPECT_THAT(usual_text(), HasSubstr("built in\n"));
}

TEST(Doctor, ListsOptionsOnlyWhenAskedFor) {
  EXPECT_THAT(usual_text(), Not(HasSubstr("-O fast_kernels")));
  EXPECT_THAT(doctor({"-v"}), HasSubstr("  -O fast_kernels: "));
}

TEST(Doctor, TellsProgramsTheSame) {
  const json machine = json::parse(doctor({"--format", "json"}));
  EXPECT_EQ(machine["cores"], granted_cores());
  ASSERT_FALSE(machine["peaks"].empty());
  EXPECT_EQ(machine["peaks"][0]["precision"], "fp32");
  EXPECT_EQ(machine["peaks"][0]["threads"], 1);
  EXPECT_GT(machine["peaks"][0]["gmac_per_s"], 0);
  EXPECT_TRUE(machine["gpus"].is_array());
  EXPECT_EQ(machine["backends"][0]["name"], "native");
  EXPECT_EQ(machine["backends"][0]["available"], true);
  for (const json& backend : machine["backends"]) {
    if (!backend["available"]) {
      EXPECT_NE(backend["fix"], "") << backend;
    }
    if (backend.contains("devices")) {
      EXPECT_EQ(backend["device_states"].size(), backend["devices"].size()) << backend;
    }
  }
}

class GpusTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("gpus-" + std::to_string(getpid()));
    fs::create_directories(folder_ / "dev");
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name) << text;
  }
  Gpus found() const { return nvidia_gpus(folder_ / "proc", folder_ / "dev"); }
  fs::path folder_;
};

TEST_F(GpusTest, NamesAndDriverComeFromTheDriversFiles) {
  write("proc/version",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build\n"
        "GCC version:  gcc version 12.2.0\n");
  write("proc/gpus/0000:01:00.0/information", "Model: \t\t NVIDIA L4\nIRQ:   \t\t 64\n");
  write("proc/gpus/0000:02:00.0/information", "IRQ:   \t\t 65\n");
  EXPECT_EQ(found().driver, "570.86.15");
  EXPECT_THAT(found().names, ElementsAre("NVIDIA L4", "unknown"));
}

TEST_F(GpusTest, DeviceFilesCountWhereTheDriverIsHidden) {
  for (const char* name : {"dev/nvidia0", "dev/nvidia1", "dev/nvidiactl", "dev/nvidia-uvm"}) write(name, "");
  EXPECT_THAT(found().names, ElementsAre("unknown", "unknown"));
  EXPECT_EQ(found().driver, "");
}

TEST_F(GpusTest, NoneIsNone) { EXPECT_THAT(found().names, IsEmpty()); }

}  // namespace
}  // namespace fovea::cli
