// png.c: PNG through libpng.

#include "CImageCodecs.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

struct swiftlet_png {
  png_structp library;
  png_infop information;
  const uint8_t *bytes;
  size_t count, position;
  bool ended;  // libpng read past the end
  bool reads_pixels, has_wrong_checksum, has_wrong_pixels;
  char *message;
};

static void on_error(png_structp library, png_const_charp text) {
  swiftlet_png *decoder = png_get_error_ptr(library);
  if (decoder->ended) {
    snprintf(decoder->message, SWIFTLET_MESSAGE_SIZE, "ends inside the picture");
  } else {
    snprintf(decoder->message, SWIFTLET_MESSAGE_SIZE, "%s", text);
  }
  png_longjmp(library, 1);
}

// Warnings (a bad color profile, an unknown chunk) do not fail an image. Among the pixels a chunk's wrong checksum is remarked;
// the check of what zlib unpacked fails the image.
static void on_warning(png_structp library, png_const_charp text) {
  swiftlet_png *decoder = png_get_error_ptr(library);
  if (!decoder->reads_pixels) return;
  if (strstr(text, "CRC error")) decoder->has_wrong_checksum = true;
  if (strstr(text, "incorrect data check")) decoder->has_wrong_pixels = true;
}

static void on_write_warning(png_structp library, png_const_charp text) {
  (void)library;
  (void)text;
}

static void on_read(png_structp library, png_bytep target, size_t count) {
  swiftlet_png *decoder = png_get_io_ptr(library);
  if (count > decoder->count - decoder->position) {
    decoder->ended = true;
    png_error(library, "ends inside the picture");
  }
  memcpy(target, decoder->bytes + decoder->position, count);
  decoder->position += count;
}

static int failure(const swiftlet_png *decoder) {
  return decoder->ended ? SWIFTLET_TRUNCATED : SWIFTLET_CORRUPT;
}

static int prepare(swiftlet_png *decoder) {
  if (setjmp(png_jmpbuf(decoder->library))) return failure(decoder);
  png_set_read_fn(decoder->library, decoder, on_read);
  png_set_benign_errors(decoder->library, 1);
  // The caller judges the size. Compressed text and color profiles are bounded here: 32 of 4 MiB at most.
  png_set_user_limits(decoder->library, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_chunk_malloc_max(decoder->library, 4 << 20);
  png_set_chunk_cache_max(decoder->library, 32);
  png_read_info(decoder->library, decoder->information);
  return SWIFTLET_OK;
}

int swiftlet_png_open(const uint8_t *bytes, size_t count, swiftlet_png **result, char *message) {
  *result = NULL;
  message[0] = 0;
  swiftlet_png *decoder = calloc(1, sizeof *decoder);
  if (decoder) {
    decoder->bytes = bytes;
    decoder->count = count;
    decoder->message = message;
    decoder->library = png_create_read_struct(PNG_LIBPNG_VER_STRING, decoder, on_error, on_warning);
    if (decoder->library) decoder->information = png_create_info_struct(decoder->library);
  }
  if (!decoder || !decoder->information) {
    swiftlet_png_close(decoder);
    snprintf(message, SWIFTLET_MESSAGE_SIZE, "out of memory");
    return SWIFTLET_NO_MEMORY;
  }
  int status = prepare(decoder);
  if (status == SWIFTLET_OK) {
    *result = decoder;
  } else {
    swiftlet_png_close(decoder);
  }
  return status;
}

size_t swiftlet_png_width(const swiftlet_png *decoder) {
  return png_get_image_width(decoder->library, decoder->information);
}

size_t swiftlet_png_height(const swiftlet_png *decoder) {
  return png_get_image_height(decoder->library, decoder->information);
}

static int read_pixels(swiftlet_png *decoder, uint8_t *pixels) {
  png_structp library = decoder->library;
  png_infop information = decoder->information;
  if (setjmp(png_jmpbuf(library))) return failure(decoder);
  int color = png_get_color_type(library, information);
  int depth = png_get_bit_depth(library, information);
  // A chunk of pixels, and any that follows, is used whatever its checksum. (The header and the palette, which came before,
  // were checked.)
  decoder->reads_pixels = true;
  png_set_crc_action(library, PNG_CRC_WARN_USE, PNG_CRC_QUIET_USE);
  if (color == PNG_COLOR_TYPE_PALETTE) {
    png_set_palette_to_rgb(library);
  } else if (color == PNG_COLOR_TYPE_GRAY && depth < 8) {
    png_set_expand_gray_1_2_4_to_8(library);
  }
  if (depth == 16) png_set_strip_16(library);
  if (!(color & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(library);
  png_set_strip_alpha(library);
  int passes = png_set_interlace_handling(library);
  png_read_update_info(library, information);
  size_t width = png_get_image_width(library, information);
  size_t height = png_get_image_height(library, information);
  if (png_get_rowbytes(library, information) != 3 * width) {
    png_error(library, "unexpected row size");
  }
  for (int pass = 0; pass < passes; pass++) {
    for (size_t y = 0; y < height; y++) png_read_row(library, pixels + 3 * width * y, NULL);
  }
  if (decoder->has_wrong_pixels) png_error(library, "wrong checksum of the unpacked pixels");
  return SWIFTLET_OK;
}

// The chunks after the pixels may hold the orientation, but its loss harms no pixel.
static void read_trailer(swiftlet_png *decoder) {
  if (setjmp(png_jmpbuf(decoder->library))) return;
  png_read_end(decoder->library, decoder->information);
}

int swiftlet_png_read(swiftlet_png *decoder, uint8_t *pixels, char *message) {
  message[0] = 0;
  decoder->message = message;
  int status = read_pixels(decoder, pixels);
  if (status == SWIFTLET_OK) read_trailer(decoder);
  return status;
}

const char *swiftlet_png_warning(const swiftlet_png *decoder) {
  return decoder->has_wrong_checksum ? "wrong checksum of the pixel data" : NULL;
}

const uint8_t *swiftlet_png_exif(const swiftlet_png *decoder, size_t *count) {
  png_uint_32 size = 0;
  png_bytep bytes = NULL;
  png_get_eXIf_1(decoder->library, decoder->information, &size, &bytes);
  *count = bytes ? size : 0;
  return bytes;
}

const char *swiftlet_png_text(const swiftlet_png *decoder, const char *keyword, size_t *count) {
  png_textp texts = NULL;
  int found = png_get_text(decoder->library, decoder->information, &texts, NULL);
  for (int index = 0; index < found; index++) {
    if (strcmp(texts[index].key, keyword) != 0 || !texts[index].text) continue;
    *count = strlen(texts[index].text);
    return texts[index].text;
  }
  *count = 0;
  return NULL;
}

void swiftlet_png_close(swiftlet_png *decoder) {
  if (!decoder) return;
  if (decoder->library) png_destroy_read_struct(&decoder->library, &decoder->information, NULL);
  free(decoder);
}

// Writing.

typedef struct {
  png_structp library;
  png_infop information;
  uint8_t *bytes;
  size_t count, capacity;
  bool exhausted;  // memory ran out while the bytes grew
  char *message;
} encoder;

static void on_write_error(png_structp library, png_const_charp text) {
  encoder *target = png_get_error_ptr(library);
  snprintf(target->message, SWIFTLET_MESSAGE_SIZE, "%s", text);
  png_longjmp(library, 1);
}

static void on_write(png_structp library, png_bytep source, size_t count) {
  encoder *target = png_get_io_ptr(library);
  if (count > target->capacity - target->count) {
    size_t capacity = target->capacity ? target->capacity : 4096;
    while (capacity - target->count < count && capacity <= SIZE_MAX / 2) capacity *= 2;
    uint8_t *grown = capacity - target->count < count ? NULL : realloc(target->bytes, capacity);
    if (!grown) {
      target->exhausted = true;
      png_error(library, "out of memory");
    }
    target->bytes = grown;
    target->capacity = capacity;
  }
  memcpy(target->bytes + target->count, source, count);
  target->count += count;
}

static void on_flush(png_structp library) { (void)library; }

static int write_pixels(encoder *target, const uint8_t *pixels, size_t width, size_t height) {
  png_structp library = target->library;
  if (setjmp(png_jmpbuf(library))) return target->exhausted ? SWIFTLET_NO_MEMORY : SWIFTLET_UNSUPPORTED;
  if (width > PNG_UINT_31_MAX || height > PNG_UINT_31_MAX) png_error(library, "a side is too long");
  png_set_write_fn(library, target, on_write, on_flush);
  png_set_IHDR(
      library, target->information, (png_uint_32)width, (png_uint_32)height, 8, PNG_COLOR_TYPE_RGB,
      PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(library, target->information);
  for (size_t y = 0; y < height; y++) png_write_row(library, pixels + 3 * width * y);
  png_write_end(library, NULL);
  return SWIFTLET_OK;
}

int swiftlet_png_write(
    const uint8_t *pixels, size_t width, size_t height, uint8_t **bytes, size_t *count, char *message) {
  *bytes = NULL;
  *count = 0;
  message[0] = 0;
  encoder target = {.message = message};
  int status = SWIFTLET_NO_MEMORY;
  target.library = png_create_write_struct(PNG_LIBPNG_VER_STRING, &target, on_write_error, on_write_warning);
  if (target.library) target.information = png_create_info_struct(target.library);
  if (target.information) {
    status = write_pixels(&target, pixels, width, height);
  } else {
    snprintf(message, SWIFTLET_MESSAGE_SIZE, "out of memory");
  }
  png_destroy_write_struct(&target.library, &target.information);
  if (status == SWIFTLET_OK) {
    *bytes = target.bytes;
    *count = target.count;
  } else {
    free(target.bytes);
  }
  return status;
}

void swiftlet_png_free(uint8_t *bytes) { free(bytes); }
