#include "passes/pass_test.h"

namespace fovea::passes {
namespace {

TEST(RemoveIdentity, IdentityAndIdleDropoutVanish) {
  expect_rewrite("remove_identity", R"(graph (f32[2,3] x) -> (y) {
    a = Identity@16(x)
    ratio = constant f32[] {0.5}
    b, mask = Dropout@13(a, ratio)
    y = Relu@14(b)
  })",
                 R"(graph (f32[2,3] x) -> (y) { y = Relu@14(x) })");
}

TEST(RemoveIdentity, ADropoutWhoseMaskIsReadStays) {
  expect_unchanged("remove_identity", R"(graph (f32[2,3] x) -> (y, mask) { y, mask = Dropout@13(x) })");
}

}  // namespace
}  // namespace fovea::passes
