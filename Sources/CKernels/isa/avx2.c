// avx2.c: the kernels for AVX2 with FMA. Sixteen registers: a tile of 6 × 2 leaves two for b and two for a.
#define SK_NAME "avx2"
#define SK_TABLE sk_kernels_avx2
#define SK_LANES 8
#define SK_UNIT 8
#define SK_UNITS 2
#define SK_CONVERTS_F16 1
#define SK_ROWS 6
#define SK_TARGET "avx2,fma,f16c"
#if defined(__x86_64__)
#include "../families/all.inc"
#endif
