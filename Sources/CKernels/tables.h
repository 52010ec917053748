// tables.h: the tables that the files under isa/ define, for dispatch.c.
#pragma once
#include "include/CKernels.h"

extern const sk_kernels sk_kernels_portable;
#if defined(__x86_64__)
extern const sk_kernels sk_kernels_avx2;
extern const sk_kernels sk_kernels_avx512;
#elif defined(__aarch64__)
extern const sk_kernels sk_kernels_neon;
#endif
