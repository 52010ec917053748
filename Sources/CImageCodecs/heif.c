// heif.c: HEIC and AVIF through libheif: the primary image.

#ifdef SWIFTLET_HEIF

#include "CImageCodecs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libheif/heif.h>

struct swiftlet_heif {
  struct heif_context *context;
  struct heif_image_handle *handle;
  size_t width, height;
};

static int report(char *message, struct heif_error error) {
  if (error.code == heif_error_Ok) return SWIFTLET_OK;
  snprintf(message, SWIFTLET_MESSAGE_SIZE, "%s", error.message ? error.message : "damaged data");
  if (error.subcode == heif_suberror_End_of_data) return SWIFTLET_TRUNCATED;
  switch (error.code) {
    case heif_error_Unsupported_filetype:
    case heif_error_Unsupported_feature:
      return SWIFTLET_UNSUPPORTED;
    case heif_error_Memory_allocation_error:
      // libheif's limits of size are memory errors to it as well.
      return error.subcode == heif_suberror_Security_limit_exceeded ? SWIFTLET_UNSUPPORTED : SWIFTLET_NO_MEMORY;
    default:
      return SWIFTLET_CORRUPT;
  }
}

static int prepare(swiftlet_heif *decoder, const uint8_t *bytes, size_t count, char *message) {
  decoder->context = heif_context_alloc();
  if (!decoder->context) {
    snprintf(message, SWIFTLET_MESSAGE_SIZE, "out of memory");
    return SWIFTLET_NO_MEMORY;
  }
  int status =
      report(message, heif_context_read_from_memory_without_copy(decoder->context, bytes, count, NULL));
  if (status != SWIFTLET_OK) return status;
  status = report(message, heif_context_get_primary_image_handle(decoder->context, &decoder->handle));
  if (status != SWIFTLET_OK) return status;
  int width = heif_image_handle_get_width(decoder->handle);
  int height = heif_image_handle_get_height(decoder->handle);
  decoder->width = width > 0 ? (size_t)width : 0;
  decoder->height = height > 0 ? (size_t)height : 0;
  return SWIFTLET_OK;
}

int swiftlet_heif_open(const uint8_t *bytes, size_t count, swiftlet_heif **result, char *message) {
  *result = NULL;
  message[0] = 0;
  swiftlet_heif *decoder = calloc(1, sizeof *decoder);
  if (!decoder) {
    snprintf(message, SWIFTLET_MESSAGE_SIZE, "out of memory");
    return SWIFTLET_NO_MEMORY;
  }
  int status = prepare(decoder, bytes, count, message);
  if (status == SWIFTLET_OK) {
    *result = decoder;
  } else {
    swiftlet_heif_close(decoder);
  }
  return status;
}

size_t swiftlet_heif_width(const swiftlet_heif *decoder) { return decoder->width; }

size_t swiftlet_heif_height(const swiftlet_heif *decoder) { return decoder->height; }

static int copy_pixels(
    const swiftlet_heif *decoder, const struct heif_image *image, uint8_t *pixels, char *message) {
  int stride = 0;
  const uint8_t *rows = heif_image_get_plane_readonly(image, heif_channel_interleaved, &stride);
  int width = heif_image_get_width(image, heif_channel_interleaved);
  int height = heif_image_get_height(image, heif_channel_interleaved);
  size_t row_size = 3 * decoder->width;
  if (!rows || width < 0 || height < 0 || (size_t)width != decoder->width || (size_t)height != decoder->height ||
      stride < 0 || (size_t)stride < row_size) {
    snprintf(message, SWIFTLET_MESSAGE_SIZE, "the picture is not of the size that the file announces");
    return SWIFTLET_CORRUPT;
  }
  for (size_t y = 0; y < decoder->height; y++) memcpy(pixels + y * row_size, rows + y * (size_t)stride, row_size);
  return SWIFTLET_OK;
}

int swiftlet_heif_read(swiftlet_heif *decoder, uint8_t *pixels, char *message) {
  message[0] = 0;
  struct heif_decoding_options *options = heif_decoding_options_alloc();
  if (!options) {
    snprintf(message, SWIFTLET_MESSAGE_SIZE, "out of memory");
    return SWIFTLET_NO_MEMORY;
  }
  options->convert_hdr_to_8bit = 1;
  struct heif_image *image = NULL;
  int status = report(
      message,
      heif_decode_image(decoder->handle, &image, heif_colorspace_RGB, heif_chroma_interleaved_RGB, options));
  heif_decoding_options_free(options);
  if (status == SWIFTLET_OK) status = copy_pixels(decoder, image, pixels, message);
  if (image) heif_image_release(image);
  return status;
}

void swiftlet_heif_close(swiftlet_heif *decoder) {
  if (!decoder) return;
  if (decoder->handle) heif_image_handle_release(decoder->handle);
  if (decoder->context) heif_context_free(decoder->context);
  free(decoder);
}

#endif
