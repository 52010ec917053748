// webp.c: WebP through libwebp; libwebpdemux finds the metadata and the first frame of an animation.

#include "CImageCodecs.h"

#include <stdio.h>
#include <stdlib.h>

#include <webp/decode.h>
#include <webp/demux.h>

struct swiftlet_webp {
  WebPData data;
  WebPBitstreamFeatures features;
  WebPDemuxer *demuxer;
};

static int report(char *message, VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OK:
      return SWIFTLET_OK;
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      snprintf(message, SWIFTLET_MESSAGE_SIZE, "ends inside the picture");
      return SWIFTLET_TRUNCATED;
    case VP8_STATUS_OUT_OF_MEMORY:
      snprintf(message, SWIFTLET_MESSAGE_SIZE, "out of memory");
      return SWIFTLET_NO_MEMORY;
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      snprintf(message, SWIFTLET_MESSAGE_SIZE, "unsupported feature");
      return SWIFTLET_UNSUPPORTED;
    default:
      snprintf(message, SWIFTLET_MESSAGE_SIZE, "damaged bitstream");
      return SWIFTLET_CORRUPT;
  }
}

int swiftlet_webp_open(const uint8_t *bytes, size_t count, swiftlet_webp **result, char *message) {
  *result = NULL;
  message[0] = 0;
  swiftlet_webp *decoder = calloc(1, sizeof *decoder);
  if (!decoder) return report(message, VP8_STATUS_OUT_OF_MEMORY);
  decoder->data.bytes = bytes;
  decoder->data.size = count;
  int status = report(message, WebPGetFeatures(bytes, count, &decoder->features));
  if (status == SWIFTLET_OK) {
    WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
    decoder->demuxer = WebPDemuxPartial(&decoder->data, &state);
    if (state == WEBP_DEMUX_PARSING_HEADER || state == WEBP_DEMUX_PARSED_HEADER) {
      status = report(message, VP8_STATUS_NOT_ENOUGH_DATA);
    } else if (!decoder->demuxer || state != WEBP_DEMUX_DONE) {
      status = report(message, VP8_STATUS_BITSTREAM_ERROR);
    }
  }
  if (status == SWIFTLET_OK) {
    *result = decoder;
  } else {
    swiftlet_webp_close(decoder);
  }
  return status;
}

size_t swiftlet_webp_width(const swiftlet_webp *decoder) { return (size_t)decoder->features.width; }

size_t swiftlet_webp_height(const swiftlet_webp *decoder) { return (size_t)decoder->features.height; }

const uint8_t *swiftlet_webp_chunk(const swiftlet_webp *decoder, const char *name, size_t *count) {
  WebPChunkIterator chunk;
  const uint8_t *bytes = NULL;
  *count = 0;
  if (WebPDemuxGetChunk(decoder->demuxer, name, 1, &chunk)) {
    bytes = chunk.chunk.bytes;
    *count = chunk.chunk.size;
    WebPDemuxReleaseChunkIterator(&chunk);
  }
  return bytes;
}

static int read_still(const swiftlet_webp *decoder, uint8_t *pixels, char *message) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return report(message, VP8_STATUS_INVALID_PARAM);
  size_t stride = 3 * swiftlet_webp_width(decoder);
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = pixels;
  config.output.u.RGBA.stride = (int)stride;
  config.output.u.RGBA.size = stride * swiftlet_webp_height(decoder);
  VP8StatusCode status = WebPDecode(decoder->data.bytes, decoder->data.size, &config);
  WebPFreeDecBuffer(&config.output);
  return report(message, status);
}

static int read_animation(const swiftlet_webp *decoder, uint8_t *pixels, char *message) {
  WebPAnimDecoderOptions options;
  if (!WebPAnimDecoderOptionsInit(&options)) return report(message, VP8_STATUS_INVALID_PARAM);
  options.color_mode = MODE_RGBA;
  options.use_threads = 0;
  WebPAnimDecoder *animation = WebPAnimDecoderNew(&decoder->data, &options);
  uint8_t *canvas = NULL;
  int timestamp = 0;
  WebPAnimInfo information;
  int read = animation && WebPAnimDecoderGetInfo(animation, &information) &&
             information.canvas_width == swiftlet_webp_width(decoder) &&
             information.canvas_height == swiftlet_webp_height(decoder) &&
             WebPAnimDecoderGetNext(animation, &canvas, &timestamp);
  if (read) {
    size_t count = swiftlet_webp_width(decoder) * swiftlet_webp_height(decoder);
    for (size_t index = 0; index < count; index++) {
      pixels[3 * index] = canvas[4 * index];
      pixels[3 * index + 1] = canvas[4 * index + 1];
      pixels[3 * index + 2] = canvas[4 * index + 2];
    }
  }
  WebPAnimDecoderDelete(animation);
  return report(message, read ? VP8_STATUS_OK : VP8_STATUS_BITSTREAM_ERROR);
}

int swiftlet_webp_read(swiftlet_webp *decoder, uint8_t *pixels, char *message) {
  message[0] = 0;
  return decoder->features.has_animation ? read_animation(decoder, pixels, message)
                                         : read_still(decoder, pixels, message);
}

void swiftlet_webp_close(swiftlet_webp *decoder) {
  if (!decoder) return;
  WebPDemuxDelete(decoder->demuxer);
  free(decoder);
}
