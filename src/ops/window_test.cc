#include "ops/window.h"

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using Extents = std::vector<int64_t>;

Result<Window> resolve(WindowAttributes attributes, const Extents& input, const Extents& kernel = {}) {
  return resolve_window(attributes, input, kernel);
}

TEST(Window, PutsTheOddPadAtTheEndOrTheBeginning) {
  for (const AutoPad mode : {AutoPad::same_upper, AutoPad::same_lower}) {
    const auto window = resolve({.auto_pad = mode, .strides = {2}}, {5}, {2});
    ASSERT_TRUE(window.ok());
    const WindowAxis& axis = window->front();
    EXPECT_EQ(axis.output, 3);
    EXPECT_EQ(axis.pad_begin, mode == AutoPad::same_lower ? 1 : 0);
    EXPECT_EQ(axis.pad_end, mode == AutoPad::same_upper ? 1 : 0);
  }
}

TEST(Window, CountsDilationInSamePadding) {
  const auto window = resolve({.auto_pad = AutoPad::same_upper, .dilations = {3}}, {6}, {3});
  ASSERT_TRUE(window.ok());
  EXPECT_EQ(window->front().output, 6);
  EXPECT_EQ(window->front().pad_begin, 3);
}

TEST(Window, DropsWindowsOfCeilModeThatStartInThePadding) {
  const WindowAttributes attributes{.kernel_shape = {1}, .strides = {2}, .ceil_mode = true};
  EXPECT_EQ(resolve(attributes, {2})->front().output, 1);
  EXPECT_EQ(resolve(attributes, {3})->front().output, 2);
}

TEST(Window, LetsCeilModeReachBeyondTheInput) {
  EXPECT_EQ(resolve({.kernel_shape = {3}, .strides = {2}, .ceil_mode = true}, {2})->front().output, 1);
  EXPECT_FALSE(resolve({.kernel_shape = {3}, .strides = {2}}, {2}).ok());
}

TEST(Window, RefusesWhatOnnxForbids) {
  const Extents input{8, 8}, kernel{3, 3};
  for (const WindowAttributes& bad : std::vector<WindowAttributes>{{.strides = {0, 1}},
                                                                   {.strides = {1}},
                                                                   {.dilations = {1, -1}},
                                                                   {.pads = {-1, 0, 0, 0}},
                                                                   {.pads = {0, 0}},
                                                                   {.pads = {int64_t{1} << 40, 0, 0, 0}},
                                                                   {.kernel_shape = {2, 3}},
                                                                   {.auto_pad = AutoPad::valid, .pads = {1, 1, 1, 1}},
                                                                   {.dilations = {4, 1}}}) {
    const auto window = resolve(bad, input, kernel);
    ASSERT_FALSE(window.ok());
    EXPECT_EQ(window.error().code, ErrorCode::invalid_model);
  }
}

TEST(Window, KeepsHugeExtentsFromOverflowing) {
  constexpr int64_t kLarge = int64_t{1} << 62;
  EXPECT_FALSE(resolve({}, {kLarge}, {3}).ok());
  EXPECT_FALSE(resolve({.kernel_shape = {kLarge}}, {3}).ok());
  EXPECT_FALSE(resolve({.dilations = {2147483647}}, {2147483647}, {2147483647}).ok());
  EXPECT_FALSE(resolve({}, Extents(9, 4), Extents(9, 1)).ok());
}

TEST(Window, ClipsAKernelToItsInput) {
  const WindowAxis axis{.input = 5, .kernel = 4, .dilation = 2};
  const KernelRange range = clip_kernel(axis, -3, 5);  // at -3, -1, 1, 3
  EXPECT_EQ(range.first, 2);
  EXPECT_EQ(range.last, 4);
  EXPECT_EQ(clip_kernel(axis, 5, 5).last, 0);
}

TEST(Window, TransposedFollowsOutputPaddingOrAGivenShape) {
  const Extents input{3}, kernel{3};
  const WindowAttributes strided{.strides = {2}};
  const Extents none, one{1}, eight{8};
  EXPECT_EQ(resolve_transposed_window(strided, none, none, input, kernel)->front().output, 7);
  EXPECT_EQ(resolve_transposed_window(strided, one, none, input, kernel)->front().output, 8);
  const auto given = resolve_transposed_window(strided, none, Extents{4}, input, kernel);
  ASSERT_TRUE(given.ok());
  EXPECT_EQ(given->front().pad_begin, 2);  // the odd one of three at the beginning
  EXPECT_EQ(resolve_transposed_window(strided, none, Extents{1, 2, 8}, input, kernel)->front().output, 8);
}

}  // namespace
}  // namespace fovea::ops
