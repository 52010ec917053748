// TrainingKernels.h: operands of the kernels that training needs beside those of inference.
//
// Between two products of matrices are batch norm, an activation and perhaps a gate. They are never stored as tensors of their own: a
// product reads its operand through a prologue, which computes them from a convolution's raw output y, strip by strip, in the forward
// and again in the backward pass.
#pragma once
#include <stddef.h>
#include <stdint.h>

struct sk_winograd;

/// Memory to prefetch during a product: [at, end) of up to three tensors. Prefetching an invalid address is harmless.
typedef struct sk_prefetch {
  const char *at[3], *end[3];
} sk_prefetch;

/// Forward:  u = activation(scale · y + shift) · gate.
/// Backward: d = (gate · g + offset) · activation′(scale · y + shift), and then a · d + b · y + c.
/// All but y and g have one value for each channel; NULL operands are left out. The gate and the offset are those of one image.
typedef struct sk_prologue {
  const float *y;         ///< pixels × channels: raw outputs of a convolution; NULL where nothing of it is needed
  const float *g;         ///< pixels × channels: the gradient of u, or NULL: none but the offset
  ptrdiff_t y_stride, g_stride;
  ptrdiff_t channels;
  const float *scale, *shift;
  const float *gate, *offset;
  const float *a, *b, *c;
  int32_t activation;     ///< an sk_activation
  const float *center;    ///< one for each channel, or NULL: the origin of y in Σ d · y
} sk_prologue;

/// w[i][n] (+)= Σ over pixels of a[pixel][i] · v[pixel][n]; pixels are `images` times `runs` runs of `length`.
typedef struct sk_weight_gradient {
  const float *a, *v;
  ptrdiff_t a_pixel, a_run, a_image, v_pixel, v_run, v_image;
  ptrdiff_t images, runs, length;
  ptrdiff_t rows, columns;
  float *w;
  ptrdiff_t w_stride;
  int32_t adds;     ///< whether the sums are added to w
  sk_prefetch *prefetch;  ///< or NULL; moves on
} sk_weight_gradient;

/// w[tap][channel] += Σ over pixels of x[pixel · stride + tap][channel] · g[pixel][channel], for one row of g.
typedef struct sk_depthwise_weight_gradient {
  const float *x;  ///< the first row's first tap of the first pixel; rows are x_row floats apart, pixels `channels`
  ptrdiff_t x_row;
  const float *g;  ///< pixels g_pixel floats apart
  ptrdiff_t g_pixel;
  ptrdiff_t pixels, channels, kernel, stride;
  float *w;        ///< [kernel · kernel][channels]
} sk_depthwise_weight_gradient;

/// The training kernels of one instruction set.
typedef struct sk_training {
  /// out[pixel] = the forward prologue, for pixels [begin, end) counted from the operands' first; out is that of `begin`.
  void (*prologue)(const sk_prologue *, ptrdiff_t begin, ptrdiff_t end, float *out, ptrdiff_t out_stride);
  /// out[pixel] = the backward prologue.
  void (*gradient)(const sk_prologue *, ptrdiff_t begin, ptrdiff_t end, float *out, ptrdiff_t out_stride);
  /// sums[channel] += d, sums[channels + channel] += d · (y − center); d goes to `out` where there is one (past the caches, if `streams`).
  void (*gradient_sums)(const sk_prologue *, ptrdiff_t begin, ptrdiff_t end, float *out, ptrdiff_t out_stride, float *sums,
                        int32_t streams);
  /// sums[channel] += x − pivot, sums[channels + channel] += (x − pivot)²; x goes to `out` where there is one (past the cache, if
  /// `streams`). A pivot near the mean keeps the squares as small as the variance is.
  void (*statistics)(const float *x, ptrdiff_t x_stride, ptrdiff_t pixels, ptrdiff_t channels, const float *pivot, float *out,
                  ptrdiff_t out_stride, float *sums, int32_t streams);
  /// The sums of `pixels` pixels join the statistics [2][channels] of `before` pixels: their mean, and Σ (x − mean)². The sums
  /// become zeros, and the pivot the mean so far.
  void (*merge_statistics)(float *sums, float *pivot, ptrdiff_t pixels, double *statistics, ptrdiff_t before, ptrdiff_t channels);
  /// sums[channel] += u, or u · g where there is a g.
  void (*pooled)(const sk_prologue *, ptrdiff_t begin, ptrdiff_t end, float *sums);
  /// Columns [begin, end).
  void (*weight_gradient)(const sk_weight_gradient *, ptrdiff_t begin, ptrdiff_t end);
  void (*depthwise_weight_gradient)(const sk_depthwise_weight_gradient *);
  /// Rows [depth_begin, depth_begin + depth) of all panels of a packed matrix of `total` rows, from w[k · k_stride + n · n_stride].
  void (*pack)(const float *w, ptrdiff_t k_stride, ptrdiff_t n_stride, ptrdiff_t depth, ptrdiff_t columns, float *packed,
               ptrdiff_t total, ptrdiff_t depth_begin, ptrdiff_t panel_begin, ptrdiff_t panel_end);
  /// Panels [panel_begin, panel_end) of sk_kernels' winograd_pack.
  void (*winograd_pack)(const float *w, ptrdiff_t channels, ptrdiff_t columns, float *packed, ptrdiff_t stride,
                        ptrdiff_t panel_begin, ptrdiff_t panel_end);
  /// Tiles [tile_begin, tile_end) of the output's gradient c as m[36][tiles][columns].
  void (*winograd_gradient)(const struct sk_winograd *, ptrdiff_t tile_begin, ptrdiff_t tile_end, float *m);
  /// w[9][i] from `sums` sums u[36][i], for elements [begin, end) of `count` = channels · columns.
  void (*winograd_weight_gradient)(const float *u, ptrdiff_t sums, ptrdiff_t count, float *w, ptrdiff_t begin, ptrdiff_t end);
  /// totals[i] += sums[i]; sums[i] = 0.
  void (*accumulate)(float *sums, double *totals, ptrdiff_t count);
} sk_training;
