// dispatch.c: this machine's processor, its instruction sets, and the table of each.
#include <string.h>

#include "tables.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

const sk_kernels *sk_kernels_for(sk_isa isa) {
  if (isa == SK_ISA_PORTABLE) return &sk_kernels_portable;
#if defined(__x86_64__)
  // These check the registers that the operating system saves on a task switch too, not only the processor.
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

sk_processor sk_this_processor(void) {
  sk_processor found;
  memset(&found, 0, sizeof found);
#if defined(__x86_64__)
  unsigned eax, ebx, ecx, edx;
  if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx)) return found;
  memcpy(found.vendor, &ebx, 4);
  memcpy(found.vendor + 4, &edx, 4);
  memcpy(found.vendor + 8, &ecx, 4);
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx)) {
    int family = eax >> 8 & 15, model = eax >> 4 & 15;
    if (family == 6 || family == 15) model += (int)(eax >> 16 & 15) << 4;
    if (family == 15) family += eax >> 20 & 255;
    found.family = family;
    found.model = model;
  }
  // The instruction sets' own check covers the registers that the system saves on a task switch; the bits below need the same registers.
  if (sk_isa_available(SK_ISA_AVX512)) {
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ecx >> 11 & 1)) found.features |= SK_HAS_AVX512_VNNI;
    if (__get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 5 & 1)) found.features |= SK_HAS_AVX512_BF16;
  }
  if (sk_isa_available(SK_ISA_AVX2) && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax >> 4 & 1))
    found.features |= SK_HAS_AVX_VNNI;
#elif defined(__aarch64__) && defined(__linux__)
  if (getauxval(AT_HWCAP) >> 20 & 1) found.features |= SK_HAS_DOT_PRODUCT;
  if (getauxval(AT_HWCAP2) >> 14 & 1) found.features |= SK_HAS_ARM_BF16;
#endif
  return found;
}
