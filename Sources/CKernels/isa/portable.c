// portable.c: the kernels for any processor, in vectors of four floats (SSE2 on x86-64).
#define SK_NAME "portable"
#define SK_TABLE sk_kernels_portable
#define SK_LANES 4
#define SK_UNIT 4
#define SK_UNITS 2
#define SK_ROWS 6
#include "../families/all.inc"
