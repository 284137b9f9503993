// The body of a peak loop: independent sums in registers, each walked once a step. Written as a macro, because g++
// keeps an array of sums in memory.

#define FOVEA_EIGHT(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#define FOVEA_TWELVE(DO) FOVEA_EIGHT(DO) DO(8) DO(9) DO(10) DO(11)
#define FOVEA_SIXTEEN(DO) FOVEA_TWELVE(DO) DO(12) DO(13) DO(14) DO(15)

// Equal sums would be made one: what the empty instruction gives is not known to be equal.
#define FOVEA_START(i) \
  auto sum##i = start; \
  asm volatile("" : "+" REGISTER(sum##i));
#define FOVEA_KEEP(i) asm volatile("" : : REGISTER(sum##i));

// COUNT: one of the lists above; STEP(i): what makes sum##i grow, from x and y; REGISTER: the constraint of a vector
// register. x is touched in every step, or the compiler would see that all steps are the same.
#define FOVEA_PEAK_LOOP(COUNT, STEP)             \
  COUNT(FOVEA_START)                             \
  for (int64_t step = 0; step < steps; ++step) { \
    asm volatile("" : "+" REGISTER(x));          \
    COUNT(STEP)                                  \
  }                                              \
  COUNT(FOVEA_KEEP)
