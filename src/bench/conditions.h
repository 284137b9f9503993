// What the machine did to a measurement: its clock, time stolen by other virtual machines, how near its cores are.
#pragma once

#include "bench/machine.h"

namespace fovea::bench {

/// Taken between the blocks of a round.
struct Sample {
  double gmac_per_s = 0;  // of fp32 multiply-adds, all cores together, over 10 ms
  double flag_ns = 0;     // for a flag from one core to another; 0 where there is one core only
  double steal_s = 0;     // stolen from all cores so far
  double time_s = 0;      // of a steady clock
};

class Conditions {
 public:
  virtual ~Conditions() = default;
  virtual Sample sample() = 0;
  virtual int cores() const = 0;
};

class MachineConditions final : public Conditions {
 public:
  explicit MachineConditions(int cores) : cores_(cores), probe_(cores) {}
  Sample sample() override;
  int cores() const override { return cores_; }

 private:
  int cores_;
  PeakProbe probe_;
};

/// One way of a flag passed to and fro between the first two CPUs of this process, the least of several series; 0 where
/// there is one CPU only. Virtual machines have states: both cores share an L3, or they do not (70 or 340 ns).
double flag_latency_ns();

/// Seconds stolen from all cores since the system started (/proc/stat).
double stolen_seconds();

}  // namespace fovea::bench
