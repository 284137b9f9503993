#include "ops/strided_copy.h"

#include <numeric>

#include <gmock/gmock.h>

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

TEST(StridedCopy, JoinsAxesThatLieEndToEnd) {
  const StridedBox box = simplified({{2, 1, 3, 4}, {12, 99, 4, 1}, {24, 7, 8, 2}});
  EXPECT_THAT(box.extents, ElementsAre(24));
  EXPECT_THAT(box.from, ElementsAre(1));
  EXPECT_THAT(box.to, ElementsAre(2));
}

TEST(StridedCopy, TransposesRepeatsAndReverses) {
  const std::vector<uint16_t> x = {1, 2, 3, 4, 5, 6};
  std::vector<uint16_t> y(6);
  strided_copy({{3, 2}, {1, 3}, {2, 1}}, 2, x.data(), y.data());
  EXPECT_THAT(y, ElementsAre(1, 4, 2, 5, 3, 6));
  strided_copy({{2, 3}, {1, 0}, {3, 1}}, 2, x.data(), y.data());
  EXPECT_THAT(y, ElementsAre(1, 1, 1, 2, 2, 2));
  strided_copy({{6}, {-1}, {1}}, 2, x.data() + 5, y.data());
  EXPECT_THAT(y, ElementsAre(6, 5, 4, 3, 2, 1));
}

TEST(StridedCopy, CopiesScalarsAndNothing) {
  const double x = 3;
  double y = 0;
  strided_copy({{0, 5}, {5, 1}, {5, 1}}, 8, &x, &y);
  EXPECT_EQ(y, 0);
  strided_copy({}, 8, &x, &y);
  EXPECT_EQ(y, 3);
}

TEST(CopyMapped, AgreesWithItsDefinitionOnEveryAxis) {
  std::vector<int32_t> x(2 * 3 * 4);
  std::iota(x.begin(), x.end(), 1);
  const Shape in_shape = {2, 3, 4};
  const std::vector<AxisMaps> cases = {
      {{}, {}, {}},
      {{1, 0, -1}, {}, {}},
      {{}, {0, 0, -1, 2, 1}, {}},
      {{-1, 0, 1}, {2, -1, 0, 1}, {0, 1, 2, -1, -1, 3, 3}},
      {{}, {}, {3}},
  };
  for (const AxisMaps& maps : cases) {
    Shape shape = in_shape;
    for (size_t d = 0; d < 3; ++d)
      if (!maps[d].empty()) shape[d] = static_cast<int64_t>(maps[d].size());
    const auto at = [&](size_t d, int64_t i) { return maps[d].empty() ? i : maps[d][static_cast<size_t>(i)]; };
    std::vector<int32_t> expected;
    for (int64_t i = 0; i < shape[0]; ++i)
      for (int64_t j = 0; j < shape[1]; ++j)
        for (int64_t k = 0; k < shape[2]; ++k) {
          const int64_t a = at(0, i), b = at(1, j), c = at(2, k);
          expected.push_back(a < 0 || b < 0 || c < 0 ? 77 : x[static_cast<size_t>((a * 3 + b) * 4 + c)]);
        }
    std::vector<int32_t> y(expected.size());
    const int32_t fill = 77;
    copy_mapped({DType::i32, in_shape, x.data()}, maps, &fill, {DType::i32, shape, y.data()});
    EXPECT_THAT(y, ElementsAreArray(expected));
  }
}

}  // namespace
}  // namespace fovea::ops
