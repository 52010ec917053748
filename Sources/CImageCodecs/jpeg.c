// jpeg.c: JPEG through the libjpeg API.

#include "CImageCodecs.h"
#include "inks.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

struct swiftlet_jpeg {
  struct jpeg_decompress_struct library;
  struct jpeg_error_mgr errors;
  struct jpeg_source_mgr source;
  struct jpeg_progress_mgr progress;
  jmp_buf escape;
  char *message;
  int status;
  uint8_t *row;  // one row of CMYK, else NULL
};

static swiftlet_jpeg *owner(j_common_ptr library) { return (swiftlet_jpeg *)library->client_data; }

static void leave(swiftlet_jpeg *decoder, int status, const char *message) {
  decoder->status = status;
  snprintf(decoder->message, SWIFTLET_MESSAGE_SIZE, "%s", message);
  longjmp(decoder->escape, 1);
}

static void error_exit(j_common_ptr library) {
  char text[JMSG_LENGTH_MAX];
  library->err->format_message(library, text);
  switch (library->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
      leave(owner(library), SWIFTLET_NO_MEMORY, text);
      break;
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_ARITH_NOTIMPL:
    case JERR_NOTIMPL:
    case JERR_NOT_COMPILED:
      leave(owner(library), SWIFTLET_UNSUPPORTED, text);
      break;
    default:
      leave(owner(library), SWIFTLET_CORRUPT, text);
  }
}

// Warnings (data that the decoder could repair) do not fail an image.
static void output_message(j_common_ptr library) { (void)library; }

static void init_source(j_decompress_ptr library) { (void)library; }

// All bytes are there from the start, so a request for more means that the file is cut short. Returning
// FALSE suspends the decoder instead of inventing an end of image, which would fill the rest with gray.
static boolean fill_input_buffer(j_decompress_ptr library) {
  (void)library;
  return FALSE;
}

static void skip_input_data(j_decompress_ptr library, long count) {
  if (count <= 0) return;
  size_t skipped = (size_t)count;
  if (skipped > library->src->bytes_in_buffer) skipped = library->src->bytes_in_buffer;
  library->src->next_input_byte += skipped;
  library->src->bytes_in_buffer -= skipped;
}

static void term_source(j_decompress_ptr library) { (void)library; }

static void progress_monitor(j_common_ptr library) {
  if (((j_decompress_ptr)library)->input_scan_number > SWIFTLET_JPEG_MAXIMUM_SCANS) {
    leave(owner(library), SWIFTLET_UNSUPPORTED, "too many progressive scans");
  }
}

// From here on in a call, errors come back as its status.
#define CATCH(decoder, text)                         \
  (decoder)->message = (text);                       \
  (decoder)->status = SWIFTLET_OK;                   \
  if (setjmp((decoder)->escape)) return (decoder)->status

static int prepare(swiftlet_jpeg *decoder, const uint8_t *bytes, size_t count, char *message) {
  CATCH(decoder, message);
  jpeg_create_decompress(&decoder->library);
  decoder->library.client_data = decoder;
  decoder->source.init_source = init_source;
  decoder->source.fill_input_buffer = fill_input_buffer;
  decoder->source.skip_input_data = skip_input_data;
  decoder->source.resync_to_restart = jpeg_resync_to_restart;
  decoder->source.term_source = term_source;
  decoder->source.next_input_byte = bytes;
  decoder->source.bytes_in_buffer = count;
  decoder->library.src = &decoder->source;
  decoder->progress.progress_monitor = progress_monitor;
  decoder->library.progress = &decoder->progress;
  jpeg_save_markers(&decoder->library, JPEG_APP0 + 1, 0xFFFF);
  if (jpeg_read_header(&decoder->library, TRUE) != JPEG_HEADER_OK) {
    leave(decoder, SWIFTLET_TRUNCATED, "ends inside the header");
  }
  switch (decoder->library.num_components) {
    case 1:
    case 3:
      decoder->library.out_color_space = JCS_RGB;
      break;
    case 4:
      decoder->library.out_color_space = JCS_CMYK;
      break;
    default:
      leave(decoder, SWIFTLET_UNSUPPORTED, "neither 1, 3 nor 4 color components");
  }
  return SWIFTLET_OK;
}

int swiftlet_jpeg_open(const uint8_t *bytes, size_t count, swiftlet_jpeg **result, char *message) {
  *result = NULL;
  message[0] = 0;
  swiftlet_jpeg *decoder = calloc(1, sizeof *decoder);
  if (!decoder) {
    snprintf(message, SWIFTLET_MESSAGE_SIZE, "out of memory");
    return SWIFTLET_NO_MEMORY;
  }
  decoder->library.err = jpeg_std_error(&decoder->errors);
  decoder->errors.error_exit = error_exit;
  decoder->errors.output_message = output_message;
  decoder->library.client_data = decoder;
  int status = prepare(decoder, bytes, count, message);
  if (status == SWIFTLET_OK) {
    *result = decoder;
  } else {
    swiftlet_jpeg_close(decoder);
  }
  return status;
}

size_t swiftlet_jpeg_width(const swiftlet_jpeg *decoder) { return decoder->library.image_width; }

size_t swiftlet_jpeg_height(const swiftlet_jpeg *decoder) { return decoder->library.image_height; }

const uint8_t *swiftlet_jpeg_app1(const swiftlet_jpeg *decoder, size_t index, size_t *count) {
  for (jpeg_saved_marker_ptr marker = decoder->library.marker_list; marker; marker = marker->next) {
    if (marker->marker != JPEG_APP0 + 1) continue;
    if (index-- == 0) {
      *count = marker->data_length;
      return marker->data;
    }
  }
  *count = 0;
  return NULL;
}

// Photoshop stores inks inverted, and every CMYK JPEG in the wild is taken to be so: c, m, y, k here count
// paper rather than ink.
static void cmyk_to_rgb(const uint8_t *cmyk, uint8_t *rgb, size_t width) {
  for (size_t x = 0; x < width; x++) {
    unsigned light = cmyk[4 * x + 3];
    rgb[3 * x] = swiftlet_screen(255u - cmyk[4 * x], light);
    rgb[3 * x + 1] = swiftlet_screen(255u - cmyk[4 * x + 1], light);
    rgb[3 * x + 2] = swiftlet_screen(255u - cmyk[4 * x + 2], light);
  }
}

int swiftlet_jpeg_read(swiftlet_jpeg *decoder, uint8_t *pixels, char *message) {
  message[0] = 0;
  CATCH(decoder, message);
  struct jpeg_decompress_struct *library = &decoder->library;
  size_t width = library->image_width;
  if (!jpeg_start_decompress(library)) leave(decoder, SWIFTLET_TRUNCATED, "ends inside the picture");
  if (library->out_color_space == JCS_CMYK) {
    decoder->row = malloc(4 * width);
    if (!decoder->row) leave(decoder, SWIFTLET_NO_MEMORY, "out of memory");
  }
  while (library->output_scanline < library->output_height) {
    uint8_t *target = pixels + 3 * width * library->output_scanline;
    JSAMPROW row = decoder->row ? decoder->row : target;
    if (jpeg_read_scanlines(library, &row, 1) != 1) {
      leave(decoder, SWIFTLET_TRUNCATED, "ends inside the picture");
    }
    if (decoder->row) cmyk_to_rgb(decoder->row, target, width);
  }
  return SWIFTLET_OK;
}

void swiftlet_jpeg_close(swiftlet_jpeg *decoder) {
  if (!decoder) return;
  jpeg_destroy_decompress(&decoder->library);
  free(decoder->row);
  free(decoder);
}
