#include "kernels/dispatch.h"

#include <hwy/highway.h>

#include "base/cpu_features.h"

namespace fovea::kernels {

void obey_active_isa() {
  static const bool done = [] {
#if HWY_ARCH_X86
    // In Highway's targets a lower bit is a better target.
    switch (active_isa()) {
      case Isa::portable: hwy::DisableTargets((HWY_SSSE3 << 1) - 1); break;
      case Isa::avx2: hwy::DisableTargets(HWY_AVX2 - 1); break;
      default: break;
    }
#endif
    return true;
  }();
  (void)done;
}

}  // namespace fovea::kernels
