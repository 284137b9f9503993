#include "bench/bound.h"

#include <gtest/gtest.h>

namespace fovea::bench {
namespace {

/// 10 ms an image, loaded in 0.1 s.
Row row() {
  Row r;
  r.ms.median = 10;
  r.images_per_s = 100;
  r.load_s = 0.1;
  r.first_s = 0.02;
  return r;
}

TEST(BoundBy, ProductsNearThePeakAreCompute) { EXPECT_EQ(bound_by(row(), {0.8, 1e8, 100.0, 50, 3e7}), "compute"); }

TEST(BoundBy, WeightsThatMustBeReadAreMemory) {
  EXPECT_EQ(bound_by(row(), {0.1, 4e8, 100.0, 50, 3e7}), "memory");
  EXPECT_EQ(bound_by(row(), {0.1, 4e8, 100.0, 50, 5e8}), "overhead");  // they stay in the cache
}

TEST(BoundBy, WhatNeitherExplainsIsOverhead) { EXPECT_EQ(bound_by(row(), {0.1, 1e7, 100.0, 50, 0}), "overhead"); }

TEST(BoundBy, PhotosThatTakeLongerThanTheModelArePreprocessing) {
  Row r = row();
  r.stages = {{8, 4, 10, 0, "a.jpg"}};
  EXPECT_EQ(bound_by(r, {0.8, 1e8, 100.0, 50, 3e7}), "preprocessing");
  r.stages[0].decode = 2;
  EXPECT_EQ(bound_by(r, {0.8, 1e8, 100.0, 50, 3e7}), "compute");
}

TEST(BoundBy, LoadingLongerThanAThousandImagesIsStartUp) {
  Row r = row();
  r.load_s = 11;
  EXPECT_EQ(bound_by(r, {0.8, 1e8, 100.0, 50, 3e7}), "start-up");
}

TEST(BoundBy, NothingIsSaidWithoutFigures) {
  Row r = row();
  EXPECT_EQ(bound_by(r, {0.8, 1e8, std::nullopt, 50, 3e7}), "");
  r.failed = "no";
  EXPECT_EQ(bound_by(r, {0.8, 1e8, 100.0, 50, 3e7}), "");
}

}  // namespace
}  // namespace fovea::bench
