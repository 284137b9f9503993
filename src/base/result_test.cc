#include "fovea/result.h"

#include <memory>

#include <gtest/gtest.h>

#include "base/error.h"

namespace fovea {
namespace {

Result<int> half_of(int x) {
  if (x % 2 != 0) return invalid_argument("{} is odd", x).with_fix("pass an even number");
  return x / 2;
}

Result<int> quarter_of(int x) { return FOVEA_TRY_AT("the half", half_of(FOVEA_TRY(half_of(x)))); }

Result<std::unique_ptr<int>> boxed(int x) {
  auto box = FOVEA_TRY(Result<std::unique_ptr<int>>(std::make_unique<int>(x)));
  return box;
}

TEST(Result, ValuesPassThroughTry) { EXPECT_EQ(*quarter_of(8), 2); }

TEST(Result, ErrorsReturnFromTheFunctionAround) {
  const auto result = quarter_of(6);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().to_string(), "the half: 3 is odd; pass an even number");
}

TEST(Result, PlacesAreNamedFromTheOutside) {
  EXPECT_EQ(invalid_model("bad").at("node").at("file").to_string(), "file: node: bad");
}

TEST(Result, CarriesTypesThatOnlyMove) { EXPECT_EQ(**boxed(7), 7); }

}  // namespace
}  // namespace fovea
