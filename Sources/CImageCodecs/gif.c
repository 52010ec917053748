// gif.c: GIF through giflib: the first frame on its canvas.

#ifdef SWIFTLET_GIF

#include "CImageCodecs.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gif_lib.h>

struct swiftlet_gif {
  GifFileType *library;
  const uint8_t *bytes;
  size_t count, position;
  bool ended;  // giflib read past the end
  size_t width, height;
  size_t x, y, frame_width, frame_height;
  int transparent;  // index of the transparent color, or -1
  uint8_t colors[256][3];
};

// Behind the last byte there is a single zero: a file may end with its last pixels, without the mark that should follow.
static int on_read(GifFileType *library, GifByteType *target, int count) {
  swiftlet_gif *decoder = library->UserData;
  if (count <= 0) return 0;
  size_t wanted = (size_t)count, left = decoder->count - decoder->position;
  if (wanted == 1 && left == 0 && !decoder->ended) {
    decoder->ended = true;
    *target = 0;
    return 1;
  }
  size_t taken = wanted < left ? wanted : left;
  memcpy(target, decoder->bytes + decoder->position, taken);
  if (taken < wanted) decoder->ended = true;
  decoder->position += taken;
  return (int)taken;
}

static int failure(const swiftlet_gif *decoder, int code, char *message) {
  if (decoder->ended) {
    snprintf(message, SWIFTLET_MESSAGE_SIZE, "ends inside the picture");
    return SWIFTLET_TRUNCATED;
  }
  const char *text = GifErrorString(code);
  snprintf(message, SWIFTLET_MESSAGE_SIZE, "%s", text ? text : "damaged data");
  return code == D_GIF_ERR_NOT_ENOUGH_MEM ? SWIFTLET_NO_MEMORY : SWIFTLET_CORRUPT;
}

static int refuse(char *message, const char *text) {
  snprintf(message, SWIFTLET_MESSAGE_SIZE, "%s", text);
  return SWIFTLET_CORRUPT;
}

// A color beyond the table is black. Without a table, and with one that is the gray ramp itself, indices are gray levels.
static void read_colors(swiftlet_gif *decoder) {
  const ColorMapObject *own = decoder->library->Image.ColorMap;
  const ColorMapObject *map = own ? own : decoder->library->SColorMap;
  int count = map && map->Colors ? map->ColorCount : 0;
  if (count > 256) count = 256;
  bool ramp = true;
  for (int index = 0; index < count; index++) {
    GifColorType color = map->Colors[index];
    ramp = ramp && color.Red == index && color.Green == index && color.Blue == index;
  }
  for (int index = 0; index < 256; index++) {
    uint8_t *color = decoder->colors[index];
    if (index < count) {
      color[0] = map->Colors[index].Red;
      color[1] = map->Colors[index].Green;
      color[2] = map->Colors[index].Blue;
    } else {
      color[0] = color[1] = color[2] = ramp ? (uint8_t)index : 0;
    }
  }
}

static int skip_extension(swiftlet_gif *decoder) {
  int code = 0;
  GifByteType *block = NULL;
  if (DGifGetExtension(decoder->library, &code, &block) == GIF_ERROR) return GIF_ERROR;
  if (code == GRAPHICS_EXT_FUNC_CODE && block && block[0] >= 4 && block[1] & 1) decoder->transparent = block[4];
  while (block) {
    if (DGifGetExtensionNext(decoder->library, &block) == GIF_ERROR) return GIF_ERROR;
  }
  return GIF_OK;
}

// Reads up to the first frame's pixels.
static int prepare(swiftlet_gif *decoder, char *message) {
  GifFileType *library = decoder->library;
  for (;;) {
    GifRecordType type = UNDEFINED_RECORD_TYPE;
    if (DGifGetRecordType(library, &type) == GIF_ERROR) return failure(decoder, library->Error, message);
    if (type == TERMINATE_RECORD_TYPE) return refuse(message, "no picture");
    if (type == EXTENSION_RECORD_TYPE) {
      if (skip_extension(decoder) == GIF_ERROR) return failure(decoder, library->Error, message);
    } else if (type == IMAGE_DESC_RECORD_TYPE) {
      if (DGifGetImageDesc(library) == GIF_ERROR) return failure(decoder, library->Error, message);
      break;
    }
  }
  if (decoder->ended) return failure(decoder, 0, message);
  const GifImageDesc *frame = &library->Image;
  if (frame->Left < 0 || frame->Top < 0 || frame->Width <= 0 || frame->Height <= 0) {
    return refuse(message, "a frame without pixels");
  }
  decoder->x = (size_t)frame->Left;
  decoder->y = (size_t)frame->Top;
  decoder->frame_width = (size_t)frame->Width;
  decoder->frame_height = (size_t)frame->Height;
  size_t right = decoder->x + decoder->frame_width, bottom = decoder->y + decoder->frame_height;
  size_t screen_width = library->SWidth > 0 ? (size_t)library->SWidth : 0;
  size_t screen_height = library->SHeight > 0 ? (size_t)library->SHeight : 0;
  decoder->width = right > screen_width ? right : screen_width;
  decoder->height = bottom > screen_height ? bottom : screen_height;
  read_colors(decoder);
  return SWIFTLET_OK;
}

int swiftlet_gif_open(const uint8_t *bytes, size_t count, swiftlet_gif **result, char *message) {
  *result = NULL;
  message[0] = 0;
  swiftlet_gif *decoder = calloc(1, sizeof *decoder);
  if (!decoder) {
    snprintf(message, SWIFTLET_MESSAGE_SIZE, "out of memory");
    return SWIFTLET_NO_MEMORY;
  }
  decoder->bytes = bytes;
  decoder->count = count;
  decoder->transparent = -1;
  int code = 0;
  decoder->library = DGifOpen(decoder, on_read, &code);
  int status = decoder->library ? prepare(decoder, message) : failure(decoder, code, message);
  if (status == SWIFTLET_OK) {
    *result = decoder;
  } else {
    swiftlet_gif_close(decoder);
  }
  return status;
}

size_t swiftlet_gif_width(const swiftlet_gif *decoder) { return decoder->width; }

size_t swiftlet_gif_height(const swiftlet_gif *decoder) { return decoder->height; }

// The rows of an interlaced frame come in four passes.
static const size_t pass_starts[] = {0, 4, 2, 1}, pass_steps[] = {8, 8, 4, 2};

int swiftlet_gif_read(swiftlet_gif *decoder, uint8_t *pixels, char *message) {
  message[0] = 0;
  size_t width = decoder->width, height = decoder->height;
  // What the frame leaves of the canvas has the transparent color, or the first.
  const uint8_t *ground = decoder->colors[decoder->transparent >= 0 ? decoder->transparent : 0];
  if (pixels && (decoder->frame_width < width || decoder->frame_height < height)) {
    for (size_t index = 0; index < width * height; index++) memcpy(pixels + 3 * index, ground, 3);
  }
  GifPixelType *indices = malloc(decoder->frame_width);
  if (!indices) {
    snprintf(message, SWIFTLET_MESSAGE_SIZE, "out of memory");
    return SWIFTLET_NO_MEMORY;
  }
  bool interlaced = decoder->library->Image.Interlace;
  int status = SWIFTLET_OK;
  for (int pass = 0; pass < (interlaced ? 4 : 1) && status == SWIFTLET_OK; pass++) {
    size_t step = interlaced ? pass_steps[pass] : 1;
    for (size_t row = interlaced ? pass_starts[pass] : 0; row < decoder->frame_height; row += step) {
      if (DGifGetLine(decoder->library, indices, (int)decoder->frame_width) == GIF_ERROR) {
        status = failure(decoder, decoder->library->Error, message);
        break;
      }
      if (!pixels) continue;
      uint8_t *target = pixels + 3 * ((decoder->y + row) * width + decoder->x);
      for (size_t x = 0; x < decoder->frame_width; x++) memcpy(target + 3 * x, decoder->colors[indices[x]], 3);
    }
  }
  free(indices);
  return status;
}

void swiftlet_gif_close(swiftlet_gif *decoder) {
  if (!decoder) return;
  int code = 0;
  if (decoder->library) DGifCloseFile(decoder->library, &code);
  free(decoder);
}

#endif
