// tiff.c: TIFF through libtiff: the first picture of a file.

#ifdef SWIFTLET_TIFF

#include "CImageCodecs.h"
#include "inks.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>
#include <tiffvers.h>

// A pixel's samples that are looked at: four inks at most, or three colors and alpha.
enum { MOST_SAMPLES = 32 };

// The largest strip or tile, in bytes: 8 for each pixel of the largest image.
enum { LARGEST_PART = 1431655760 };

typedef enum { GRAY, PALETTE, RGB, INKS, LIBRARY } kind;

struct swiftlet_tiff {
  TIFF *library;
  const uint8_t *bytes;
  size_t count, position;
  bool ended;  // libtiff read past the end
  char *message;
  uint32_t width, height;
  uint16_t bits, samples, orientation;
  kind kind;
  bool separate, inverted;
  int alpha;  // the sample by which colors are premultiplied, or -1
  const uint16_t *red, *green, *blue;  // the palette, 65535 at most, or 255 in files of old
  bool old_palette;
};

static tmsize_t on_read(thandle_t handle, void *target, tmsize_t count) {
  swiftlet_tiff *decoder = handle;
  if (count <= 0) return 0;
  size_t wanted = (size_t)count;
  size_t left = decoder->position < decoder->count ? decoder->count - decoder->position : 0;
  if (wanted > left) {
    decoder->ended = true;
    wanted = left;
  }
  if (wanted > 0) memcpy(target, decoder->bytes + decoder->position, wanted);
  decoder->position += wanted;
  return (tmsize_t)wanted;
}

static tmsize_t on_write(thandle_t handle, void *source, tmsize_t count) {
  (void)handle;
  (void)source;
  (void)count;
  return 0;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int origin) {
  swiftlet_tiff *decoder = handle;
  toff_t start = origin == SEEK_CUR ? decoder->position : origin == SEEK_END ? decoder->count : 0;
  toff_t place = start + offset;
  if (place > decoder->count) {
    decoder->ended = true;
    place = decoder->count;
  }
  decoder->position = (size_t)place;
  return place;
}

static int on_close(thandle_t handle) {
  (void)handle;
  return 0;
}

static toff_t on_size(thandle_t handle) { return ((swiftlet_tiff *)handle)->count; }

#if TIFFLIB_VERSION >= 20221213
// The first error is the cause; those that follow from it are left out.
static int on_error(TIFF *library, void *owner, const char *module, const char *format, va_list arguments) {
  (void)library;
  (void)module;
  swiftlet_tiff *decoder = owner;
  if (!decoder->message[0]) vsnprintf(decoder->message, SWIFTLET_MESSAGE_SIZE, format, arguments);
  return 1;
}

static int on_warning(TIFF *library, void *owner, const char *module, const char *format, va_list arguments) {
  (void)library;
  (void)owner;
  (void)module;
  (void)format;
  (void)arguments;
  return 1;
}

static TIFF *open_library(swiftlet_tiff *decoder) {
  TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
  if (!options) return NULL;
  TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, decoder);
  TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, decoder);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, LARGEST_PART + (1 << 20));
  TIFF *library = TIFFClientOpenExt(
      "image", "rm", decoder, on_read, on_write, on_seek, on_close, on_size, NULL, NULL, options);
  TIFFOpenOptionsFree(options);
  return library;
}
#else
// Older versions have handlers for the whole program only, and write to standard error without one.
static TIFF *open_library(swiftlet_tiff *decoder) {
  TIFFSetErrorHandler(NULL);
  TIFFSetWarningHandler(NULL);
  return TIFFClientOpen("image", "rm", decoder, on_read, on_write, on_seek, on_close, on_size, NULL, NULL);
}
#endif

static int refuse(swiftlet_tiff *decoder, int status, const char *text) {
  snprintf(decoder->message, SWIFTLET_MESSAGE_SIZE, "%s", text);
  return status;
}

static int failure(swiftlet_tiff *decoder) {
  if (decoder->ended) return refuse(decoder, SWIFTLET_TRUNCATED, "ends inside the picture");
  if (!decoder->message[0]) return refuse(decoder, SWIFTLET_CORRUPT, "damaged data");
  return SWIFTLET_CORRUPT;
}

static int unsupported(swiftlet_tiff *decoder, const char *what, unsigned value) {
  snprintf(decoder->message, SWIFTLET_MESSAGE_SIZE, "%s %u", what, value);
  return SWIFTLET_UNSUPPORTED;
}

// A palette whose entries are all below 256 was written by a program that took them for 8-bit values.
static bool is_old_palette(const swiftlet_tiff *decoder) {
  for (size_t index = 0; index < (size_t)1 << decoder->bits; index++) {
    if (decoder->red[index] > 255 || decoder->green[index] > 255 || decoder->blue[index] > 255) return false;
  }
  return true;
}

static int read_palette(swiftlet_tiff *decoder) {
  uint16_t *red = NULL, *green = NULL, *blue = NULL;
  if (decoder->bits > 8) return unsupported(decoder, "a palette of bits:", decoder->bits);
  if (!TIFFGetField(decoder->library, TIFFTAG_COLORMAP, &red, &green, &blue) || !red || !green || !blue) {
    return refuse(decoder, SWIFTLET_CORRUPT, "no palette");
  }
  decoder->red = red;
  decoder->green = green;
  decoder->blue = blue;
  decoder->old_palette = is_old_palette(decoder);
  return SWIFTLET_OK;
}

static int read_kind(swiftlet_tiff *decoder, uint16_t photometric, uint16_t compression) {
  TIFF *library = decoder->library;
  uint16_t needed = 1;
  switch (photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
      decoder->kind = GRAY;
      decoder->inverted = photometric == PHOTOMETRIC_MINISWHITE;
      break;
    case PHOTOMETRIC_PALETTE:
      decoder->kind = PALETTE;
      break;
    case PHOTOMETRIC_RGB:
      decoder->kind = RGB;
      needed = 3;
      break;
    case PHOTOMETRIC_SEPARATED:
      decoder->kind = INKS;
      needed = 4;
      break;
    case PHOTOMETRIC_YCBCR:
      if (decoder->samples == 1) {
        decoder->kind = GRAY;
      } else if (compression == COMPRESSION_JPEG && !decoder->separate) {
        decoder->kind = RGB;
        needed = 3;
        TIFFSetField(library, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
      } else {
        decoder->kind = LIBRARY;
      }
      break;
    case 32803:
    case 34892:
      return refuse(decoder, SWIFTLET_UNSUPPORTED, "the raw data of a camera's sensor");
    default:
      return unsupported(decoder, "photometric interpretation", photometric);
  }
  if (compression == COMPRESSION_OJPEG) decoder->kind = LIBRARY;
  if (decoder->samples < needed) return unsupported(decoder, "samples for each pixel:", decoder->samples);
  return decoder->kind == PALETTE ? read_palette(decoder) : SWIFTLET_OK;
}

static int prepare(swiftlet_tiff *decoder) {
  TIFF *library = decoder->library;
  uint16_t format = SAMPLEFORMAT_UINT, planar = PLANARCONFIG_CONTIG, compression = COMPRESSION_NONE;
  uint16_t photometric = 0, extra_count = 0, *extras = NULL;
  if (!TIFFGetField(library, TIFFTAG_IMAGEWIDTH, &decoder->width) ||
      !TIFFGetField(library, TIFFTAG_IMAGELENGTH, &decoder->height)) {
    return refuse(decoder, SWIFTLET_CORRUPT, "no size");
  }
  TIFFGetFieldDefaulted(library, TIFFTAG_BITSPERSAMPLE, &decoder->bits);
  TIFFGetFieldDefaulted(library, TIFFTAG_SAMPLESPERPIXEL, &decoder->samples);
  TIFFGetFieldDefaulted(library, TIFFTAG_SAMPLEFORMAT, &format);
  TIFFGetFieldDefaulted(library, TIFFTAG_PLANARCONFIG, &planar);
  TIFFGetFieldDefaulted(library, TIFFTAG_COMPRESSION, &compression);
  TIFFGetFieldDefaulted(library, TIFFTAG_EXTRASAMPLES, &extra_count, &extras);
  if (!TIFFGetField(library, TIFFTAG_ORIENTATION, &decoder->orientation)) decoder->orientation = 0;
  // The tag is required, and missing all the same.
  if (!TIFFGetField(library, TIFFTAG_PHOTOMETRIC, &photometric)) {
    photometric = decoder->samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISWHITE;
  }
  if (!TIFFIsCODECConfigured(compression)) return unsupported(decoder, "compression", compression);
  if (decoder->samples < 1 || decoder->samples > MOST_SAMPLES) {
    return unsupported(decoder, "samples for each pixel:", decoder->samples);
  }
  if (decoder->bits < 1 || (decoder->bits > 16 && decoder->bits != 32)) {
    return unsupported(decoder, "bits for each sample:", decoder->bits);
  }
  if (format == SAMPLEFORMAT_IEEEFP) return refuse(decoder, SWIFTLET_UNSUPPORTED, "floating-point samples");
  if (format == SAMPLEFORMAT_INT && decoder->bits > 8) {
    return refuse(decoder, SWIFTLET_UNSUPPORTED, "signed samples");
  }
  if (format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_INT && format != SAMPLEFORMAT_VOID) {
    return refuse(decoder, SWIFTLET_UNSUPPORTED, "complex samples");
  }
  decoder->separate = planar == PLANARCONFIG_SEPARATE && decoder->samples > 1;
  int status = read_kind(decoder, photometric, compression);
  if (status != SWIFTLET_OK) return status;
  int colors = decoder->kind == RGB ? 3 : decoder->kind == INKS ? 4 : 1;
  if (extra_count > 0 && extras && extras[0] == EXTRASAMPLE_ASSOCALPHA && decoder->samples > colors &&
      (decoder->kind == RGB || decoder->kind == GRAY)) {
    decoder->alpha = colors;
  }
  return SWIFTLET_OK;
}

int swiftlet_tiff_open(const uint8_t *bytes, size_t count, swiftlet_tiff **result, char *message) {
  *result = NULL;
  message[0] = 0;
  swiftlet_tiff *decoder = calloc(1, sizeof *decoder);
  if (!decoder) {
    snprintf(message, SWIFTLET_MESSAGE_SIZE, "out of memory");
    return SWIFTLET_NO_MEMORY;
  }
  decoder->bytes = bytes;
  decoder->count = count;
  decoder->message = message;
  decoder->alpha = -1;
  decoder->library = open_library(decoder);
  int status = decoder->library ? prepare(decoder) : failure(decoder);
  if (status == SWIFTLET_OK) {
    *result = decoder;
  } else {
    swiftlet_tiff_close(decoder);
  }
  return status;
}

size_t swiftlet_tiff_width(const swiftlet_tiff *decoder) { return decoder->width; }

size_t swiftlet_tiff_height(const swiftlet_tiff *decoder) { return decoder->height; }

int swiftlet_tiff_orientation(const swiftlet_tiff *decoder) { return decoder->orientation; }

const uint8_t *swiftlet_tiff_xmp(const swiftlet_tiff *decoder, size_t *count) {
  uint32_t size = 0;
  void *bytes = NULL;
  *count = 0;
  if (!TIFFGetField(decoder->library, TIFFTAG_XMLPACKET, &size, &bytes) || !bytes) return NULL;
  *count = size;
  return bytes;
}

// Samples.

// The samples of a row: all in one run, or a run for each.
typedef struct {
  const uint8_t *start[MOST_SAMPLES];
  size_t step;  // samples from pixel to pixel
} row;

// A sample as it is stored; libtiff has put 16 and 32 bits into the machine's order.
static uint32_t stored(const swiftlet_tiff *decoder, const row *row, size_t sample, size_t x) {
  const uint8_t *start = row->start[sample];
  size_t index = decoder->separate ? x : x * row->step + sample;
  unsigned bits = decoder->bits;
  if (bits == 8) return start[index];
  if (bits == 16) {
    uint16_t value;
    memcpy(&value, start + 2 * index, sizeof value);
    return value;
  }
  if (bits == 32) {
    uint32_t value;
    memcpy(&value, start + 4 * index, sizeof value);
    return value;
  }
  uint32_t value = 0;
  for (size_t bit = index * bits; bit < (index + 1) * bits; bit++) {
    value = value << 1 | (start[bit >> 3] >> (7 - (bit & 7)) & 1u);
  }
  return value;
}

// A sample in 8 bits: the high ones of more, the full range of fewer.
static unsigned level(const swiftlet_tiff *decoder, const row *row, size_t sample, size_t x) {
  uint32_t value = stored(decoder, row, sample, x);
  unsigned bits = decoder->bits;
  if (bits >= 8) return value >> (bits - 8);
  return value * 255 / ((1u << bits) - 1);
}

static uint8_t palette_level(const swiftlet_tiff *decoder, uint16_t value) {
  return (uint8_t)(decoder->old_palette ? value : value >> 8);
}

static uint8_t without_alpha(unsigned value, unsigned alpha) {
  if (alpha == 0) return 0;
  unsigned plain = value * 255 / alpha;
  return (uint8_t)(plain > 255 ? 255 : plain);
}

static void convert(const swiftlet_tiff *decoder, const row *row, size_t width, uint8_t *target) {
  for (size_t x = 0; x < width; x++, target += 3) {
    switch (decoder->kind) {
      case GRAY: {
        unsigned value = level(decoder, row, 0, x);
        target[0] = target[1] = target[2] = (uint8_t)(decoder->inverted ? 255 - value : value);
        break;
      }
      case PALETTE: {
        uint32_t index = stored(decoder, row, 0, x);
        target[0] = palette_level(decoder, decoder->red[index]);
        target[1] = palette_level(decoder, decoder->green[index]);
        target[2] = palette_level(decoder, decoder->blue[index]);
        break;
      }
      case INKS: {
        unsigned light = 255 - level(decoder, row, 3, x);
        for (size_t ink = 0; ink < 3; ink++) target[ink] = swiftlet_screen(level(decoder, row, ink, x), light);
        break;
      }
      default:
        for (size_t color = 0; color < 3; color++) target[color] = (uint8_t)level(decoder, row, color, x);
    }
    if (decoder->alpha >= 0) {
      unsigned alpha = level(decoder, row, (size_t)decoder->alpha, x);
      for (size_t color = 0; color < 3; color++) target[color] = without_alpha(target[color], alpha);
    }
  }
}

// The planes that are read where each sample has its own.
static size_t planes(const swiftlet_tiff *decoder) {
  if (!decoder->separate) return 1;
  size_t colors = decoder->kind == RGB ? 3 : decoder->kind == INKS ? 4 : 1;
  return decoder->alpha >= 0 ? (size_t)decoder->alpha + 1 : colors;
}

typedef struct {
  uint32_t width, height;  // of a strip or tile
  size_t size, row_size;   // in bytes
  bool tiled;
} layout;

static int read_layout(swiftlet_tiff *decoder, layout *parts) {
  TIFF *library = decoder->library;
  parts->tiled = TIFFIsTiled(library);
  tmsize_t size, row_size;
  if (parts->tiled) {
    if (!TIFFGetField(library, TIFFTAG_TILEWIDTH, &parts->width) ||
        !TIFFGetField(library, TIFFTAG_TILELENGTH, &parts->height)) {
      return refuse(decoder, SWIFTLET_CORRUPT, "tiles without a size");
    }
    size = TIFFTileSize(library);
    row_size = TIFFTileRowSize(library);
  } else {
    parts->width = decoder->width;
    TIFFGetFieldDefaulted(library, TIFFTAG_ROWSPERSTRIP, &parts->height);
    if (parts->height > decoder->height) parts->height = decoder->height;
    size = TIFFStripSize(library);
    row_size = TIFFScanlineSize(library);
  }
  if (parts->width == 0 || parts->height == 0 || size <= 0 || row_size <= 0) return failure(decoder);
  // The samples that convert() reads of a row lie within it.
  uint64_t samples = decoder->separate ? 1 : decoder->samples;
  uint64_t needed = ((uint64_t)parts->width * samples * decoder->bits + 7) / 8;
  if ((uint64_t)row_size < needed || (uint64_t)size / parts->height < (uint64_t)row_size) {
    return refuse(decoder, SWIFTLET_CORRUPT, "rows of the wrong length");
  }
  if (size > LARGEST_PART / (tmsize_t)planes(decoder)) {
    return refuse(decoder, SWIFTLET_UNSUPPORTED, parts->tiled ? "too large tiles" : "too large strips");
  }
  parts->size = (size_t)size;
  parts->row_size = (size_t)row_size;
  return SWIFTLET_OK;
}

// Reads the strip or tile at column x and row y, all its planes, and writes what lies in the image.
static int read_part(
    swiftlet_tiff *decoder, const layout *parts, uint32_t x, uint32_t y, uint8_t *memory, uint8_t *pixels) {
  TIFF *library = decoder->library;
  uint32_t width = decoder->width - x < parts->width ? decoder->width - x : parts->width;
  uint32_t height = decoder->height - y < parts->height ? decoder->height - y : parts->height;
  size_t count = planes(decoder);
  for (size_t plane = 0; plane < count; plane++) {
    uint8_t *target = memory + plane * parts->size;
    tmsize_t read =
        parts->tiled
            ? TIFFReadEncodedTile(
                  library, TIFFComputeTile(library, x, y, 0, (uint16_t)plane), target, (tmsize_t)parts->size)
            : TIFFReadEncodedStrip(
                  library, TIFFComputeStrip(library, y, (uint16_t)plane), target, (tmsize_t)parts->size);
    if (read < 0 || (size_t)read < (size_t)height * parts->row_size) return failure(decoder);
  }
  for (uint32_t line = 0; line < height; line++) {
    row row = {.step = decoder->samples};
    for (size_t sample = 0; sample < decoder->samples; sample++) {
      size_t plane = decoder->separate && sample < count ? sample : 0;
      row.start[sample] = memory + plane * parts->size + line * parts->row_size;
    }
    convert(decoder, &row, width, pixels + 3 * ((size_t)(y + line) * decoder->width + x));
  }
  return SWIFTLET_OK;
}

// Subsampled colors without JPEG, and JPEG of the old kind: libtiff's own conversion, as it lies.
static int read_by_library(swiftlet_tiff *decoder, uint8_t *pixels) {
  char text[1024] = "";
  TIFFRGBAImage image;
  if (!TIFFRGBAImageOK(decoder->library, text) || !TIFFRGBAImageBegin(&image, decoder->library, 1, text)) {
    return refuse(decoder, SWIFTLET_UNSUPPORTED, text);
  }
  size_t count = (size_t)decoder->width * decoder->height;
  uint32_t *words = malloc(count * sizeof *words);
  int status = SWIFTLET_OK;
  image.req_orientation = image.orientation;
  if (!words) {
    status = refuse(decoder, SWIFTLET_NO_MEMORY, "out of memory");
  } else if (!TIFFRGBAImageGet(&image, words, decoder->width, decoder->height)) {
    status = failure(decoder);
  } else {
    for (size_t index = 0; index < count; index++) {
      pixels[3 * index] = (uint8_t)TIFFGetR(words[index]);
      pixels[3 * index + 1] = (uint8_t)TIFFGetG(words[index]);
      pixels[3 * index + 2] = (uint8_t)TIFFGetB(words[index]);
    }
  }
  free(words);
  TIFFRGBAImageEnd(&image);
  return status;
}

int swiftlet_tiff_read(swiftlet_tiff *decoder, uint8_t *pixels, char *message) {
  message[0] = 0;
  decoder->message = message;
  decoder->ended = false;
  if (decoder->kind == LIBRARY) return read_by_library(decoder, pixels);
  layout parts;
  int status = read_layout(decoder, &parts);
  if (status != SWIFTLET_OK) return status;
  uint8_t *memory = malloc(parts.size * planes(decoder));
  if (!memory) return refuse(decoder, SWIFTLET_NO_MEMORY, "out of memory");
  for (uint32_t y = 0; y < decoder->height && status == SWIFTLET_OK; y += parts.height) {
    for (uint32_t x = 0; x < decoder->width && status == SWIFTLET_OK; x += parts.width) {
      status = read_part(decoder, &parts, x, y, memory, pixels);
      // Sides are below 2^20, so these sums do not overflow unless a tile is larger than any image.
      if (parts.width > decoder->width) break;
    }
    if (parts.height > decoder->height) break;
  }
  free(memory);
  return status;
}

void swiftlet_tiff_close(swiftlet_tiff *decoder) {
  if (!decoder) return;
  if (decoder->library) TIFFClose(decoder->library);
  free(decoder);
}

#endif
