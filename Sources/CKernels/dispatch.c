// dispatch.c: which instruction sets this processor has, and the table of each.
#include "tables.h"

const sk_kernels *sk_kernels_for(sk_isa isa) {
  if (isa == SK_ISA_PORTABLE) return &sk_kernels_portable;
#if defined(__x86_64__)
  // These look at what the operating system saves on a task switch too, not only at the processor.
  __builtin_cpu_init();
  if (isa == SK_ISA_AVX2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("f16c"))
    return &sk_kernels_avx2;
  if (isa == SK_ISA_AVX512 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma"))
    return &sk_kernels_avx512;
#elif defined(__aarch64__)
  if (isa == SK_ISA_NEON) return &sk_kernels_neon;
#endif
  return NULL;
}

int sk_isa_available(sk_isa isa) { return sk_kernels_for(isa) != NULL; }

sk_isa sk_best_isa(void) {
  if (sk_isa_available(SK_ISA_AVX512)) return SK_ISA_AVX512;
  if (sk_isa_available(SK_ISA_AVX2)) return SK_ISA_AVX2;
  if (sk_isa_available(SK_ISA_NEON)) return SK_ISA_NEON;
  return SK_ISA_PORTABLE;
}
