// CKernels.h: the micro-kernels, as one table of functions for each instruction set.
//
// Tensors are f32, NHWC: a "pixel" is `channels` consecutive floats, and strides are counted in floats from one pixel to
// the next. Kernels never allocate, never lock, and never touch memory outside the operands: a pixel's floats after its last
// channel, and whatever lies before and after a tensor, are neither read nor written. Packed weights are the exception: they
// are padded by the packing functions. Work is split by the caller into ranges; ranges that do not overlap may run
// on any threads at once, and the result does not depend on how work was split.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "TrainingKernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Instruction sets, from the slowest up.
typedef enum sk_isa { SK_ISA_PORTABLE = 0, SK_ISA_AVX2 = 1, SK_ISA_AVX512 = 2, SK_ISA_NEON = 3 } sk_isa;

/// Elementwise non-linearities (SwiftletGraph's ActivationFunction, in its order, after "none").
typedef enum sk_activation {
  SK_NONE = 0,
  SK_RELU,
  SK_RELU6,
  SK_HARD_SWISH,
  SK_HARD_SIGMOID,
  SK_SIGMOID,
  SK_SILU,
  SK_TANH
} sk_activation;

/// The epilogue of every family, before a result is stored: v = activation(v + bias + residual).
typedef struct sk_epilogue {
  const float *bias;          ///< one for each output channel, or NULL
  const float *residual;      ///< laid out as the output, with a stride of its own, or NULL
  ptrdiff_t residual_stride;  ///< floats from pixel to pixel of the residual
  sk_activation activation;
} sk_epilogue;

/// Pointwise convolution and linear layers: c[row][n] = epilogue(Σ_k a[row][k] · b[k][n]).
typedef struct sk_gemm {
  const float *a;        ///< rows × depth, in place
  ptrdiff_t a_stride;    ///< floats from row to row
  const float *b;        ///< packed by gemm_pack
  float *c;              ///< rows × columns
  ptrdiff_t c_stride;
  ptrdiff_t rows, depth, columns;
  sk_epilogue epilogue;
  const uint16_t *f16_b;   ///< or NULL: what b would be, rounded by f16_pack; then b is not read
  ptrdiff_t block_bytes;   ///< of the rows of a that stay in L2 while all panels pass over them; 0: 128 kB
  const char *prefetch, *prefetch_end;  ///< prefetched meanwhile; NULL: the weights that come next
} sk_gemm;

/// The output pixels whose taps need no offsets of their own: all lie inside the image, a kernel row's taps one after another in
/// memory, and a pixel's taps a constant distance from its left neighbour's. All zeros: there are none.
typedef struct sk_interior {
  ptrdiff_t width;            ///< of a row of output pixels
  ptrdiff_t top, bottom;      ///< output rows [top, bottom) …
  ptrdiff_t left, right;      ///< … and columns [left, right)
  ptrdiff_t pixel_stride;     ///< floats from a pixel's first tap to the next pixel's
  ptrdiff_t tap_rows;         ///< rows of the kernel
  ptrdiff_t tap_row_stride;   ///< floats from one row's first tap to the next row's
} sk_interior;

/// Dense (or one group's) convolution as an indirect matrix product: taps · depth instead of depth.
typedef struct sk_conv {
  const float *input;      ///< the first float of the group's first channel of the first pixel
  const int32_t *offsets;  ///< [pixels][taps]: floats from `input` to the tapped pixel, or −1 outside the image
  const float *zeros;      ///< at least `depth` zeros, for taps outside the image
  const float *b;          ///< packed by gemm_pack from [taps · depth][columns]
  float *c;
  ptrdiff_t c_stride;
  ptrdiff_t pixels, taps, depth, columns;
  sk_epilogue epilogue;
  sk_interior interior;
  ptrdiff_t block_bytes;   ///< as sk_gemm's
} sk_conv;

/// Dense 3 × 3 convolution of one image with stride 1, by tiles of 4 × 4 output pixels: transformed, multiplied by position (36
/// calls of gemm, tiles × channels by channels × columns), transformed back. Tiles are counted along the rows of the image.
typedef struct sk_winograd {
  const float *input;  ///< height × width pixels, dense
  ptrdiff_t height, width, channels, pad_top, pad_left;
  float *c;
  ptrdiff_t c_stride;
  ptrdiff_t output_height, output_width, columns;
  sk_epilogue epilogue;
  ptrdiff_t tiles;       ///< that v and m are laid out for, if more than those of one call: 0 otherwise
} sk_winograd;

/// Depthwise convolution of one image.
typedef struct sk_depthwise {
  const float *input;     ///< height × width pixels
  ptrdiff_t input_stride; ///< floats from pixel to pixel
  ptrdiff_t height, width, channels;
  const float *weights;   ///< packed by depthwise_pack
  ptrdiff_t kernel, stride, pad_top, pad_left;
  float *output;          ///< output_height × output_width pixels
  ptrdiff_t output_stride;
  ptrdiff_t output_height, output_width;
  sk_epilogue epilogue;
  ptrdiff_t rows_bytes;   ///< of the input rows under the kernel that stay in L1 until the next output row; 0: 24 kB
} sk_depthwise;

/// Maximum or mean over a window of one image; padding never counts.
typedef struct sk_pool {
  const float *input;
  ptrdiff_t height, width, channels;
  ptrdiff_t kernel, stride, pad_top, pad_left;
  float *output;
  ptrdiff_t output_height, output_width;
} sk_pool;

/// The kernels of one instruction set.
typedef struct sk_kernels {
  const char *name;            ///< "portable", "avx2", "avx512", "neon"
  ptrdiff_t gemm_panel;        ///< columns of a panel of packed weights
  ptrdiff_t gemm_rows;         ///< rows of a tile: ranges of rows are best multiples of it
  ptrdiff_t depthwise_block;   ///< channels of a block of packed depthwise weights

  /// Floats that packed weights take, for [depth][columns].
  size_t (*gemm_packed_count)(ptrdiff_t depth, ptrdiff_t columns);
  /// Packs weights w[k · w_stride + n] into panels; the columns beyond the last are zeros.
  void (*gemm_pack)(const float *w, ptrdiff_t w_stride, ptrdiff_t depth, ptrdiff_t columns, float *packed);
  /// Rounds packed weights to IEEE half precision; values beyond its range become its largest number.
  void (*f16_pack)(const float *packed, size_t count, uint16_t *f16);
  /// The deepest product that takes weights in half precision.
  ptrdiff_t f16_depth;
  /// Rows [row_begin, row_end) × panels [panel_begin, panel_end).
  void (*gemm)(const sk_gemm *, ptrdiff_t row_begin, ptrdiff_t row_end, ptrdiff_t panel_begin,
               ptrdiff_t panel_end);
  /// Pixels [pixel_begin, pixel_end) × panels [panel_begin, panel_end).
  void (*conv)(const sk_conv *, ptrdiff_t pixel_begin, ptrdiff_t pixel_end, ptrdiff_t panel_begin,
               ptrdiff_t panel_end);

  /// Transforms and packs w[3][3][channels][columns]: 36 matrices, `stride` floats from one to the next (at least
  /// gemm_packed_count), each as gemm_pack would.
  void (*winograd_pack)(const float *w, ptrdiff_t channels, ptrdiff_t columns, float *packed, ptrdiff_t stride);
  /// Tiles [tile_begin, tile_end) of the input as v[36][tiles][channels].
  void (*winograd_input)(const sk_winograd *, ptrdiff_t tile_begin, ptrdiff_t tile_end, float *v);
  /// Tiles [tile_begin, tile_end) of the output, from the products m[36][tiles][columns].
  void (*winograd_output)(const sk_winograd *, ptrdiff_t tile_begin, ptrdiff_t tile_end, const float *m);

  /// Floats that packed depthwise weights take, for [kernel][kernel][channels].
  size_t (*depthwise_packed_count)(ptrdiff_t kernel, ptrdiff_t channels);
  /// Packs w[tap][channel] into [block][tap][channel of block].
  void (*depthwise_pack)(const float *w, ptrdiff_t kernel, ptrdiff_t channels, float *packed);
  /// Output rows [row_begin, row_end) × blocks of channels [block_begin, block_end).
  void (*depthwise)(const sk_depthwise *, ptrdiff_t row_begin, ptrdiff_t row_end, ptrdiff_t block_begin,
                    ptrdiff_t block_end);

  /// Output rows [row_begin, row_end).
  void (*max_pool)(const sk_pool *, ptrdiff_t row_begin, ptrdiff_t row_end);
  void (*average_pool)(const sk_pool *, ptrdiff_t row_begin, ptrdiff_t row_end);
  /// y[c] = scale · Σ over pixels of x[pixel][c], for channels [channel_begin, channel_end).
  void (*channel_sum)(const float *x, ptrdiff_t stride, ptrdiff_t pixels, float scale, float *y,
                      ptrdiff_t channel_begin, ptrdiff_t channel_end);

  /// y[i] = activation(x[i]); x and y may be the same.
  void (*activate)(const float *x, float *y, ptrdiff_t count, sk_activation activation);
  /// y[i] = activation(a[i] + b[i]); y may be a or b.
  void (*add)(const float *a, const float *b, float *y, ptrdiff_t count, sk_activation activation);
  /// y[pixel][c] = x[pixel][c] · gate[c], densely laid out; y may be x.
  void (*channel_scale)(const float *x, const float *gate, float *y, ptrdiff_t pixels, ptrdiff_t channels);

  /// The kernels of training.
  const sk_training *training;

  /// `rounds` times the multiply-adds of `peak_multiply_adds`, in registers: the fastest that this instruction set can go. The
  /// result only keeps the compiler from leaving them out; factors below 1 keep it finite.
  float (*peak)(ptrdiff_t rounds, float factor, float term);
  /// Multiply-adds of one round.
  ptrdiff_t peak_multiply_adds;
} sk_kernels;

/// Features that only some processors of an instruction set have: bits of `features`.
typedef enum sk_feature {
  SK_HAS_AVX512_VNNI = 1 << 0,  ///< vpdpbusd on 512 bits
  SK_HAS_AVX_VNNI = 1 << 1,     ///< vpdpbusd on 256 bits, VEX encoding
  SK_HAS_AVX512_BF16 = 1 << 2,  ///< vdpbf16ps
  SK_HAS_DOT_PRODUCT = 1 << 3,  ///< Arm's sdot, udot
  SK_HAS_ARM_BF16 = 1 << 4      ///< Arm's bfmmla
} sk_feature;

/// A processor's make. All zeros if unknown.
typedef struct sk_processor {
  char vendor[16];         ///< "AuthenticAMD", "GenuineIntel"
  int32_t family, model;   ///< with the extended parts added
  uint32_t features;       ///< bits of sk_feature that the processor has and the system has switched on
} sk_processor;

/// This machine's processor.
sk_processor sk_this_processor(void);

/// Whether an instruction set was compiled in and this processor has it.
int sk_isa_available(sk_isa isa);

/// The kernels of an instruction set, or NULL where it is not available.
const sk_kernels *sk_kernels_for(sk_isa isa);

/// The fastest instruction set that is available.
sk_isa sk_best_isa(void);

#ifdef __cplusplus
}
#endif
