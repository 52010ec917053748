// avx512.c: the kernels for AVX-512. Half vectors, so that columns in multiples of 8 are not wasted; seven rows, because
// every feature map at 224 × 224 has a multiple of 7 pixels.
#define SK_NAME "avx512"
#define SK_TABLE sk_kernels_avx512
#define SK_LANES 16
#define SK_UNIT 8
#define SK_UNITS 4
#define SK_CONVERTS_F16 1
#define SK_ROWS 7
#define SK_TARGET "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"
#if defined(__x86_64__)
#include "../families/all.inc"
#endif
