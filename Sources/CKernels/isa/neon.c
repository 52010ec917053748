// neon.c: the kernels for 64-bit Arm. Thirty-two registers: a tile of 6 × 4.
#define SK_NAME "neon"
#define SK_TABLE sk_kernels_neon
#define SK_LANES 4
#define SK_UNIT 4
#define SK_UNITS 4
#define SK_CONVERTS_F16 1
#define SK_ROWS 6
#if defined(__aarch64__)
#include "../families/all.inc"
#endif
