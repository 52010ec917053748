// main.c: the speed of the micro-kernels on the layers of MobileNetV2 and V3 at 224 × 224, one thread, against the processor's
// own peak, measured in the same run. Every figure is the best of many repetitions. Build and run: see run.sh.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../Sources/CKernels/include/CKernels.h"

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static float *numbers(size_t count) {
  float *p = aligned_alloc(4096, (count * 4 + 8191) / 4096 * 4096);
  if (!p) exit(1);
  for (size_t i = 0; i < count; i++) p[i] = (float)(rand() % 2001 - 1000) * 1e-3f;
  return p;
}

#if defined(__x86_64__)
typedef float v8 __attribute__((ext_vector_type(8)));
/// Multiply-adds in registers only: 12 independent sums.
__attribute__((target("avx2,fma"), noinline)) static float peak_loop(long n) {
#pragma clang fp contract(fast)
  v8 s[12], x = 0.999f, y = 0.001f;
#pragma clang loop unroll(full)
  for (int i = 0; i < 12; i++) s[i] = (float)i;
  for (long k = 0; k < n; k++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 12; i++) s[i] = s[i] * x + y;
    __asm__ volatile("" : "+x"(x));
  }
  v8 t = 0;
  for (int i = 0; i < 12; i++) t += s[i];
  return t[0];
}
static double peak(void) {
  double best = 1e9;
  volatile float sink;
  for (int r = 0; r < 200; r++) {
    double t = now();
    sink = peak_loop(20000);
    t = now() - t;
    if (t < best) best = t;
  }
  (void)sink;
  return 20000.0 * 12 * 16 / best / 1e9;
}
#else
static double peak(void) { return 0; }
#endif

static double top;
static int repetitions = 60;
#define BEST(CALL)                                        \
  ({                                                      \
    double best = 1e9;                                    \
    for (int r = 0; r < repetitions; r++) {               \
      double t = now();                                   \
      CALL;                                               \
      t = now() - t;                                      \
      if (t < best) best = t;                             \
    }                                                     \
    best;                                                 \
  })

static void report(const char *what, double flops, double bytes, double seconds) {
  printf("%-44s %9.1f us %7.1f GFLOP/s %5.1f%% of peak %7.1f GB/s\n", what, seconds * 1e6, flops / seconds / 1e9,
         top > 0 ? flops / seconds / 1e9 / top * 100 : 0, bytes / seconds / 1e9);
  fflush(stdout);
}

static void gemm(const sk_kernels *k, int rows, int depth, int columns, sk_activation f, int residual) {
  float *a = numbers((size_t)rows * depth), *w = numbers((size_t)depth * columns), *bias = numbers(columns),
        *other = numbers((size_t)rows * columns), *c = numbers((size_t)rows * columns),
        *b = numbers(k->gemm_packed_count(depth, columns));
  k->gemm_pack(w, columns, depth, columns, b);
  sk_gemm g = {a, depth, b, c, columns, rows, depth, columns, {bias, residual ? other : NULL, columns, f}};
  double t = BEST(k->gemm(&g, 0, rows, 0, (columns + k->gemm_panel - 1) / k->gemm_panel));
  char s[99];
  snprintf(s, sizeof s, "gemm %d x %d -> %d act %d%s", rows, depth, columns, f, residual ? " residual" : "");
  report(s, 2.0 * rows * depth * columns, 4.0 * ((double)rows * depth + (double)rows * columns + (double)depth * columns), t);
  free(a), free(w), free(bias), free(other), free(c), free(b);
}

static void conv(const sk_kernels *k, int size, int channels, int columns, int kernel, int stride) {
  int out = (size + stride - 1) / stride, pad = kernel / 2;
  float *x = numbers((size_t)size * size * channels), *w = numbers((size_t)kernel * kernel * channels * columns),
        *bias = numbers(columns), *c = numbers((size_t)out * out * columns), *zeros = calloc(channels, 4),
        *b = numbers(k->gemm_packed_count(kernel * kernel * channels, columns));
  int32_t *offsets = malloc((size_t)out * out * kernel * kernel * 4), *o = offsets;
  for (int y = 0; y < out; y++)
    for (int z = 0; z < out; z++)
      for (int i = 0; i < kernel; i++)
        for (int j = 0; j < kernel; j++) {
          int iy = y * stride - pad + i, ix = z * stride - pad + j;
          *o++ = iy < 0 || ix < 0 || iy >= size || ix >= size ? -1 : (iy * size + ix) * channels;
        }
  k->gemm_pack(w, columns, kernel * kernel * channels, columns, b);
  sk_conv v = {x, offsets, zeros, b, c, columns, (ptrdiff_t)out * out, kernel * kernel, channels, columns, {bias, NULL, 0, SK_RELU6}};
  ptrdiff_t inside = (size + pad - kernel) / stride + 1, edge = (pad + stride - 1) / stride;
  v.regular = (sk_regular){out, edge, inside, edge, inside, stride * channels, kernel, (ptrdiff_t)size * channels};
  double t = BEST(k->conv(&v, 0, (ptrdiff_t)out * out, 0, (columns + k->gemm_panel - 1) / k->gemm_panel));
  char s[99];
  snprintf(s, sizeof s, "conv %dx%d stride %d, %d^2 x %d -> %d", kernel, kernel, stride, size, channels, columns);
  report(s, 2.0 * out * out * kernel * kernel * channels * columns, 4.0 * ((double)size * size * channels + (double)out * out * columns), t);
  free(x), free(w), free(bias), free(c), free(zeros), free(b), free(offsets);
}

static void depthwise(const sk_kernels *k, int size, int channels, int kernel, int stride, sk_activation f) {
  int out = (size + stride - 1) / stride;
  float *x = numbers((size_t)size * size * channels), *w = numbers((size_t)kernel * kernel * channels), *bias = numbers(channels),
        *y = numbers((size_t)out * out * channels), *p = numbers(k->depthwise_packed_count(kernel, channels));
  k->depthwise_pack(w, kernel, channels, p);
  sk_depthwise d = {x, channels, size, size, channels, p, kernel, stride, kernel / 2, kernel / 2, y, channels, out, out, {bias, NULL, 0, f}};
  double t = BEST(k->depthwise(&d, 0, out, 0, (channels + k->depthwise_block - 1) / k->depthwise_block));
  char n[99];
  snprintf(n, sizeof n, "depthwise %dx%d stride %d, %d^2 x %d act %d", kernel, kernel, stride, size, channels, f);
  report(n, 2.0 * out * out * kernel * kernel * channels, 4.0 * ((double)size * size + (double)out * out) * channels, t);
  free(x), free(w), free(bias), free(y), free(p);
}

static void elementwise(const sk_kernels *k, sk_activation f) {
  int n = 28 * 28 * 120;
  float *x = numbers(n), *y = numbers(n);
  double t = BEST(k->activate(x, y, n, f));
  char s[99];
  snprintf(s, sizeof s, "activate %d, %d floats", f, n);
  report(s, n, 8.0 * n, t);
  free(x), free(y);
}

int main(int argc, char **argv) {
  sk_isa isa = argc > 1 ? (sk_isa)atoi(argv[1]) : sk_best_isa();
  if (argc > 2) repetitions = atoi(argv[2]);
  const char *only = argc > 3 ? argv[3] : "gcdre";
  const sk_kernels *k = sk_kernels_for(isa);
  if (!k) return puts("this instruction set is not available"), 1;
  top = peak();
  printf("%s; peak of one core (AVX2): %.1f GFLOP/s\n", k->name, top);
  if (strchr(only, 'g')) {
    static const int shapes[][3] = {{12544, 32, 16}, {12544, 16, 96}, {12544, 16, 64}, {3136, 96, 24}, {3136, 24, 144}, {3136, 144, 24}, {3136, 24, 72},
                                    {784, 144, 32}, {784, 32, 192}, {784, 192, 32}, {784, 72, 40}, {784, 40, 120}, {784, 120, 40}, {196, 192, 64},
                                    {196, 64, 384}, {196, 384, 64}, {196, 384, 96}, {196, 96, 576}, {196, 576, 96}, {196, 80, 480}, {196, 112, 672},
                                    {49, 576, 160}, {49, 160, 960}, {49, 960, 160}, {49, 960, 320}, {49, 320, 1280}, {196, 512, 512}, {784, 256, 256}, {49, 1024, 1024}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) gemm(k, shapes[i][0], shapes[i][1], shapes[i][2], SK_RELU6, 0);
    gemm(k, 784, 40, 120, SK_HARD_SWISH, 0), gemm(k, 784, 40, 120, SK_SILU, 0);
    gemm(k, 784, 120, 40, SK_NONE, 1), gemm(k, 196, 672, 112, SK_NONE, 1), gemm(k, 49, 960, 160, SK_NONE, 1);
  }
  if (strchr(only, 'r')) {
    gemm(k, 1, 1280, 1000, SK_NONE, 0), gemm(k, 1, 960, 1280, SK_HARD_SWISH, 0), gemm(k, 1, 960, 240, SK_RELU, 0);
    gemm(k, 1, 240, 960, SK_HARD_SIGMOID, 0), gemm(k, 1, 120, 32, SK_RELU, 0), gemm(k, 1, 32, 120, SK_HARD_SIGMOID, 0);
    gemm(k, 2, 1280, 1000, SK_NONE, 0), gemm(k, 4, 1280, 1000, SK_NONE, 0), gemm(k, 8, 1280, 1000, SK_NONE, 0);
  }
  if (strchr(only, 'c')) conv(k, 224, 3, 32, 3, 2), conv(k, 224, 3, 16, 3, 2), conv(k, 28, 32, 64, 3, 1), conv(k, 224, 3, 64, 7, 2);
  if (strchr(only, 'd')) {
    static const int shapes[][4] = {{112, 32, 3, 1}, {112, 96, 3, 2}, {112, 16, 3, 1}, {56, 144, 3, 1}, {56, 144, 3, 2}, {56, 72, 5, 2}, {28, 192, 3, 1}, {28, 120, 5, 1},
                                    {28, 192, 3, 2}, {14, 384, 3, 1}, {14, 576, 3, 1}, {14, 672, 5, 2}, {14, 672, 3, 1}, {14, 576, 3, 2}, {7, 960, 3, 1}, {7, 960, 5, 1}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) depthwise(k, shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3], SK_RELU6);
    depthwise(k, 28, 120, 5, 1, SK_HARD_SWISH), depthwise(k, 14, 100, 3, 1, SK_RELU6), depthwise(k, 14, 384, 7, 1, SK_RELU6), depthwise(k, 16, 384, 3, 1, SK_RELU6);
  }
  if (strchr(only, 'e')) for (int f = SK_NONE; f <= SK_TANH; f++) elementwise(k, (sk_activation)f);
  return 0;
}
