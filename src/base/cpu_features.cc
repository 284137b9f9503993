#include "base/cpu_features.h"

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/log.h"
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace fovea {
namespace {

/// FOVEA_ISA=amx: AVX-512 with the tiles of AMX, which FOVEA_ISA=avx512 leaves out.
constexpr std::string_view kTiles = "amx";

Isa parse_isa(std::string_view name, bool& known) {
  for (Isa isa : {Isa::portable, Isa::neon, Isa::avx2, Isa::avx512})
    if (name_of(isa) == name) return isa;
  known = false;
  return Isa::portable;
}

Isa choose_isa() {
  const Isa best = detected_isa();
  const char* text = std::getenv("FOVEA_ISA");
  if (text == nullptr || *text == '\0') return best;
  bool known = true;
  const Isa wanted = std::string_view(text) == kTiles ? Isa::avx512 : parse_isa(text, known);
  if (!known) {
    log_warning("FOVEA_ISA={} is no instruction set that fovea knows (portable, neon, avx2, avx512, amx); using {}",
                text, name_of(best));
    return best;
  }
  const bool neon_here = best == Isa::neon;
  const bool fits = wanted == Isa::portable || wanted == best || (!neon_here && wanted != Isa::neon && wanted < best);
  if (!fits) {
    log_warning("FOVEA_ISA={}: this CPU lacks it; using {}", text, name_of(best));
    return best;
  }
  return wanted;
}

#if defined(__x86_64__)
/// Linux gives the tiles' large register state to processes that ask for it.
bool may_use_tiles() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  if (const char* text = std::getenv("FOVEA_ISA"); text != nullptr && *text != '\0' && std::string_view(text) != kTiles)
    return false;
  return detected_isa() == Isa::avx512 && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}
#endif

CpuFeatures detect_features() {
  CpuFeatures f;
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    f.avx512_vnni = __builtin_cpu_supports("avx512f") && (c & (1u << 11)) != 0;
    const bool tiles = (d & (1u << 24)) != 0 && may_use_tiles();
    f.amx_bf16 = tiles && (d & (1u << 22)) != 0;
    f.amx_int8 = tiles && (d & (1u << 25)) != 0;
  }
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) {
    f.avx_vnni = __builtin_cpu_supports("avx2") && (a & (1u << 4)) != 0;
    f.avx512_bf16 = __builtin_cpu_supports("avx512f") && (a & (1u << 5)) != 0;
  }
#elif defined(__aarch64__) && defined(__linux__)
  // Bits of Linux's <asm/hwcap.h>.
  constexpr unsigned long kDotProduct = 1ul << 20, kI8mm = 1ul << 13, kBf16 = 1ul << 14;
  f.arm_dotprod = (getauxval(AT_HWCAP) & kDotProduct) != 0;
  f.arm_i8mm = (getauxval(AT_HWCAP2) & kI8mm) != 0;
  f.arm_bf16 = (getauxval(AT_HWCAP2) & kBf16) != 0;
#endif
  return f;
}

CacheSizes detect_caches() {
  CacheSizes sizes;
  const auto read = [](int name, long& out) {
    if (const long value = sysconf(name); value > 0) out = value;
  };
  read(_SC_LEVEL1_DCACHE_SIZE, sizes.l1d);
  read(_SC_LEVEL2_CACHE_SIZE, sizes.l2);
  read(_SC_LEVEL3_CACHE_SIZE, sizes.l3);
  return sizes;
}

}  // namespace

Isa detected_isa() {
#if defined(__x86_64__)
  // The operating system's part (XSAVE of the wide registers) is included in what the builtin answers.
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    return Isa::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::avx2;
#elif defined(__aarch64__)
  return Isa::neon;
#endif
  return Isa::portable;
}

Isa active_isa() {
  static const Isa isa = choose_isa();
  return isa;
}

std::string_view name_of(Isa isa) {
  switch (isa) {
    case Isa::portable: return "portable";
    case Isa::neon: return "neon";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
  }
  return "?";
}

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect_features();
  return features;
}

const CacheSizes& cache_sizes() {
  static const CacheSizes sizes = detect_caches();
  return sizes;
}

}  // namespace fovea
