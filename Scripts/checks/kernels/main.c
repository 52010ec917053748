// main.c: every family of one instruction set against sums in double, for processors that this machine can only emulate. Operands
// lie before a forbidden page, so that reading or writing past them ends the run. Usage: main ISA (a number of sk_isa).
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "CKernels.h"

static const sk_kernels *k;
static int checked, failures;

static float *guarded(size_t count) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (count * 4 + page - 1) / page * page;
  char *p = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED || mprotect(p + bytes, page, PROT_NONE)) exit(2);
  return (float *)(p + bytes) - count;
}
static unsigned state = 1;
static float any(void) {
  state = state * 1664525u + 1013904223u;
  return (float)(int)state / 2147483648.0f;
}
static float *numbers(size_t count) {
  float *p = guarded(count);
  for (size_t i = 0; i < count; i++) p[i] = any();
  return p;
}
static double activated(double x, sk_activation a) {
  double gate = fmin(fmax(x + 3, 0), 6) / 6;
  switch (a) {
  case SK_NONE: return x;
  case SK_RELU: return fmax(x, 0);
  case SK_RELU6: return fmin(fmax(x, 0), 6);
  case SK_HARD_SWISH: return x * gate;
  case SK_HARD_SIGMOID: return gate;
  case SK_SIGMOID: return 1 / (1 + exp(-x));
  case SK_SILU: return x / (1 + exp(-x));
  case SK_TANH: return tanh(x);
  }
  return NAN;
}
static void expect(const char *what, int at, float actual, double expected, double scale) {
  checked++;
  if (fabs(actual - expected) <= 3e-6 * (scale + fabs(expected))) return;
  if (failures++ < 20) printf("%s[%d] is %g, not %g\n", what, at, actual, expected);
}

static void gemm(int rows, int depth, int columns, sk_activation act) {
  float *a = numbers((size_t)rows * depth), *w = numbers((size_t)depth * columns), *bias = numbers(columns),
        *residual = numbers((size_t)rows * columns), *c = numbers((size_t)rows * columns),
        *b = guarded(k->gemm_packed_count(depth, columns));
  k->gemm_pack(w, columns, depth, columns, b);
  sk_gemm g = {a, depth, b, c, columns, rows, depth, columns, {bias, residual, columns, act}};
  k->gemm(&g, 0, rows, 0, (columns + k->gemm_panel - 1) / k->gemm_panel);
  for (int r = 0; r < rows; r++)
    for (int n = 0; n < columns; n++) {
      double sum = bias[n] + (double)residual[r * columns + n];
      for (int i = 0; i < depth; i++) sum += (double)a[r * depth + i] * w[i * columns + n];
      expect("gemm", r * columns + n, c[r * columns + n], activated(sum, act), sqrt(depth) + 1);
    }
}

static void convolution(int h, int w, int channels, int columns, int kernel, int stride, int winograd) {
  int pad = kernel / 2, oh = (h + 2 * pad - kernel) / stride + 1, ow = (w + 2 * pad - kernel) / stride + 1;
  int taps = kernel * kernel;
  float *x = numbers((size_t)h * w * channels), *weights = numbers((size_t)taps * channels * columns), *bias = numbers(columns),
        *c = numbers((size_t)oh * ow * columns), *zeros = guarded(channels);
  int panels = (int)((columns + k->gemm_panel - 1) / k->gemm_panel);
  if (winograd) {
    ptrdiff_t step = (ptrdiff_t)k->gemm_packed_count(channels, columns);
    int tiles = (oh + 3) / 4 * ((ow + 3) / 4);
    float *b = guarded(36 * step), *v = guarded((size_t)36 * tiles * channels), *m = guarded((size_t)36 * tiles * columns);
    k->winograd_pack(weights, channels, columns, b, step);
    sk_winograd call = {x, h, w, channels, pad, pad, c, columns, oh, ow, columns, {bias, NULL, 0, SK_RELU}};
    k->winograd_input(&call, 0, tiles, v);
    for (int i = 0; i < 36; i++) {
      sk_gemm g = {v + (size_t)i * tiles * channels, channels, b + i * step, m + (size_t)i * tiles * columns, columns, tiles,
                   channels, columns, {NULL, NULL, 0, SK_NONE}};
      k->gemm(&g, 0, tiles, 0, panels);
    }
    k->winograd_output(&call, 0, tiles, m);
  } else {
    int32_t *offsets = malloc((size_t)oh * ow * taps * 4), *o = offsets;
    for (int i = 0; i < oh * ow * taps; i++) {
      int y = i / taps / ow * stride - pad + i % taps / kernel, z = i / taps % ow * stride - pad + i % kernel;
      *o++ = y < 0 || z < 0 || y >= h || z >= w ? -1 : (y * w + z) * channels;
    }
    float *b = guarded(k->gemm_packed_count((ptrdiff_t)taps * channels, columns));
    k->gemm_pack(weights, columns, (ptrdiff_t)taps * channels, columns, b);
    int edge = (pad + stride - 1) / stride;
    sk_conv v = {x, offsets, zeros, b, c, columns, (ptrdiff_t)oh * ow, taps, channels, columns, {bias, NULL, 0, SK_RELU},
                 {ow, edge, (h + pad - kernel) / stride + 1, edge, (w + pad - kernel) / stride + 1, stride * channels, kernel,
                  (ptrdiff_t)w * channels}};
    k->conv(&v, 0, (ptrdiff_t)oh * ow, 0, panels);
    free(offsets);
  }
  for (int p = 0; p < oh * ow; p++)
    for (int n = 0; n < columns; n++) {
      double sum = bias[n];
      for (int t = 0; t < taps; t++) {
        int y = p / ow * stride - pad + t / kernel, z = p % ow * stride - pad + t % kernel;
        if (y < 0 || z < 0 || y >= h || z >= w) continue;
        for (int i = 0; i < channels; i++)
          sum += (double)x[(y * w + z) * channels + i] * weights[(t * channels + i) * columns + n];
      }
      expect(winograd ? "winograd" : "conv", p * columns + n, c[p * columns + n], fmax(sum, 0),
             (winograd ? 8 : 1) * sqrt(taps * channels));
    }
}

static void depthwise(int h, int w, int channels, int kernel, int stride, sk_activation act) {
  int pad = kernel / 2, oh = (h + 2 * pad - kernel) / stride + 1, ow = (w + 2 * pad - kernel) / stride + 1;
  float *x = numbers((size_t)h * w * channels), *weights = numbers((size_t)kernel * kernel * channels), *bias = numbers(channels),
        *y = numbers((size_t)oh * ow * channels), *b = guarded(k->depthwise_packed_count(kernel, channels));
  k->depthwise_pack(weights, kernel, channels, b);
  sk_depthwise d = {x, channels, h, w, channels, b, kernel, stride, pad, pad, y, channels, oh, ow, {bias, NULL, 0, act}};
  k->depthwise(&d, 0, oh, 0, (channels + k->depthwise_block - 1) / k->depthwise_block);
  for (int c = 0; c < channels; c++) {
    for (int p = 0; p < oh * ow; p++) {
      double sum = bias[c];
      for (int t = 0; t < kernel * kernel; t++) {
        int iy = p / ow * stride - pad + t / kernel, ix = p % ow * stride - pad + t % kernel;
        if (iy >= 0 && ix >= 0 && iy < h && ix < w) sum += (double)x[(iy * w + ix) * channels + c] * weights[t * channels + c];
      }
      expect("depthwise", p * channels + c, y[p * channels + c], activated(sum, act), kernel);
    }
  }
}

static void pools(int h, int w, int channels) {
  int oh = (h - 1) / 2 + 1, ow = (w - 1) / 2 + 1;
  float *x = numbers((size_t)h * w * channels), *y = numbers((size_t)oh * ow * channels), *mean = numbers(channels);
  for (int is_max = 0; is_max < 2; is_max++) {
    sk_pool p = {x, h, w, channels, 3, 2, 1, 1, y, oh, ow};
    (is_max ? k->max_pool : k->average_pool)(&p, 0, oh);
    for (int i = 0; i < oh * ow * channels; i++) {
      int c = i % channels, top = i / channels / ow * 2 - 1, left = i / channels % ow * 2 - 1, count = 0;
      double sum = 0, most = -INFINITY;
      for (int t = 0; t < 9; t++) {
        int iy = top + t / 3, ix = left + t % 3;
        if (iy < 0 || ix < 0 || iy >= h || ix >= w) continue;
        double value = x[(iy * w + ix) * channels + c];
        sum += value, count++, most = fmax(most, value);
      }
      expect(is_max ? "max pool" : "average pool", i, y[i], is_max ? most : sum / count, 1);
    }
  }
  k->channel_sum(x, channels, (ptrdiff_t)h * w, 1.0f / (float)(h * w), mean, 0, channels);
  for (int c = 0; c < channels; c++) {
    double sum = 0;
    for (int p = 0; p < h * w; p++) sum += x[p * channels + c];
    expect("channel sum", c, mean[c], sum / (h * w), 1);
  }
  float *gate = numbers(channels), *scaled = numbers((size_t)h * w * channels);
  k->channel_scale(x, gate, scaled, (ptrdiff_t)h * w, channels);
  for (int i = 0; i < h * w * channels; i++) expect("channel scale", i, scaled[i], (double)x[i] * gate[i % channels], 0);
}

static void elementwise(int count) {
  float *x = numbers(count), *z = numbers(count), *y = numbers(count);
  for (int i = 0; i < count; i++) x[i] *= 12;
  for (sk_activation act = SK_NONE; act <= SK_TANH; act++) {
    k->activate(x, y, count, act);
    for (int i = 0; i < count; i++) expect("activate", i, y[i], activated(x[i], act), 0.1);
    k->add(x, z, y, count, act);
    for (int i = 0; i < count; i++) expect("add", i, y[i], activated((double)x[i] + z[i], act), 1);
  }
}

static double derived(double x, sk_activation a) {
  const double step = 1e-6;
  return (activated(x + step, a) - activated(x - step, a)) / (2 * step);
}

/// Prologues and their gradients, statistics; weight gradients, dense and depthwise.
static void training(int pixels, int channels, int rows, sk_activation act) {
  const sk_training *t = k->training;
  float *y = numbers((size_t)pixels * channels), *g = numbers((size_t)pixels * channels), *out = guarded((size_t)pixels * channels),
        *sums = guarded(2 * (size_t)channels), *v[7];
  for (int i = 0; i < 7; i++) v[i] = numbers(channels);
  sk_prologue prologue = {y, g, channels, channels, channels, v[0], v[1], v[2], v[3], v[4], v[5], v[6], (int32_t)act};
  t->prologue(&prologue, 0, pixels, out, channels);
  for (int i = 0; i < pixels * channels; i++) {
    int c = i % channels;
    expect("prologue", i, out[i], activated((double)y[i] * v[0][c] + v[1][c], act) * v[2][c], 2);
  }
  memset(sums, 0, 8 * (size_t)channels);
  t->gradient_sums(&prologue, 0, pixels, out, channels, sums, 0);
  for (int i = 0; i < pixels * channels; i++) {
    int c = i % channels;
    double z = (double)y[i] * v[0][c] + v[1][c];
    if (fabs(z) < 1e-4) continue;
    expect("gradient", i, out[i], ((double)g[i] * v[2][c] + v[3][c]) * derived(z, act), 2);
  }
  for (int c = 0; c < channels; c++) {
    double sum = 0;
    for (int i = 0; i < pixels; i++) sum += (double)out[i * channels + c] * y[i * channels + c];
    expect("gradient's sum", c, sums[channels + c], sum, pixels);
  }
  // Far from zero, where sums of squares alone would keep no digits of the variance.
  double *joined = calloc(2 * (size_t)channels, sizeof(double));
  float *pivot = guarded(channels);
  for (int i = 0; i < pixels * channels; i++) out[i] = 1000 + y[i];
  memcpy(pivot, out, 4 * (size_t)channels), memset(sums, 0, 8 * (size_t)channels);
  for (int first = 0, step = (pixels + 1) / 2; first < pixels; first += step) {
    int count = first + step < pixels ? step : pixels - first;
    t->statistics(out + first * channels, channels, count, channels, pivot, NULL, 0, sums, 0);
    t->merge_statistics(sums, pivot, count, joined, first, channels);
  }
  for (int c = 0; c < channels; c++) {
    double mean = 0, squares = 0;
    for (int i = 0; i < pixels; i++) mean += (double)out[i * channels + c] / pixels;
    for (int i = 0; i < pixels; i++) squares += ((double)out[i * channels + c] - mean) * ((double)out[i * channels + c] - mean);
    expect("mean", c, (float)(joined[c] - 1000), mean - 1000, 1);
    expect("squares", c, (float)joined[channels + c], squares, pixels);
  }
  free(joined);
  float *a = numbers((size_t)pixels * rows), *w = guarded((size_t)rows * channels);
  sk_weight_gradient o = {.a = a, .v = y, .a_pixel = rows, .v_pixel = channels, .images = 1, .runs = 1, .length = pixels, .rows = rows,
                .columns = channels, .w = w, .w_stride = channels};
  t->weight_gradient(&o, 0, channels);
  for (int i = 0; i < rows * channels; i++) {
    double sum = 0;
    for (int p = 0; p < pixels; p++) sum += (double)a[p * rows + i / channels] * y[p * channels + i % channels];
    expect("weight gradient", i, w[i], sum, pixels);
  }
  for (int kernel = 3; kernel <= 5; kernel += 2)
    for (int stride = 1; stride <= 2; stride++) {
      int width = (pixels - 1) * stride + kernel;
      float *x = numbers((size_t)kernel * width * channels), *taps = guarded((size_t)kernel * kernel * channels);
      memset(taps, 0, 4 * (size_t)kernel * kernel * channels);
      sk_depthwise_weight_gradient d = {x, (ptrdiff_t)width * channels, g, channels, pixels, channels, kernel, stride, taps};
      t->depthwise_weight_gradient(&d);
      for (int i = 0; i < kernel * kernel * channels; i++) {
        int tap = i / channels, c = i % channels;
        double sum = 0;
        for (int p = 0; p < pixels; p++)
          sum += (double)x[(tap / kernel * width + p * stride + tap % kernel) * channels + c] * g[p * channels + c];
        expect("depthwise weight gradient", i, taps[i], sum, pixels);
      }
    }
}

int main(int argc, char **argv) {
  k = argc > 1 ? sk_kernels_for((sk_isa)atoi(argv[1])) : NULL;
  if (!k) return fprintf(stderr, "this instruction set is not available here\n"), 2;
  const int panel = (int)k->gemm_panel, tile = (int)k->gemm_rows;
  const int rows[] = {1, 2, tile - 1, tile, tile + 1, 13, 31}, columns[] = {1, 7, panel - 1, panel, panel + 1, 3 * panel + 8};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    for (size_t j = 0; j < sizeof columns / sizeof *columns; j++)
      for (int depth = 1; depth < 20; depth += 6)
        gemm(rows[i], depth, columns[j], (sk_activation)((i + j + (size_t)depth) % 8));
  for (int kernel = 1; kernel <= 7; kernel += 2)
    for (int stride = 1; stride <= 2; stride++)
      for (int channels = 1; channels < 12; channels += 5) convolution(9, 23, channels, panel + 3, kernel, stride, 0);
  for (int size = 3; size < 18; size += 5)
    for (int channels = 3; channels < 40; channels += 13) convolution(size, size + 2, channels, 21, 3, 1, 1);
  for (int kernel = 3; kernel <= 7; kernel += 2)
    for (int stride = 1; stride <= 2; stride++)
      for (int channels = 3; channels < 40; channels += 7)
        for (int size = 5; size < 24; size += 9) depthwise(size, size + 3, channels, kernel, stride, (sk_activation)(channels % 5));
  pools(7, 9, 3), pools(8, 5, 4 * 4), pools(6, 6, 37);
  for (int count = 1; count < 70; count += 11) elementwise(count);
  for (int channels = 1; channels < 40; channels += 6)
    for (int pixels = 1; pixels < 12; pixels += 5)
      for (sk_activation act = SK_NONE; act <= SK_TANH; act++) training(pixels, channels, 1 + (pixels + channels) % 11, act);
  printf("%s: %d values, %d of them wrong\n", k->name, checked, failures);
  return failures ? 1 : 0;
}
