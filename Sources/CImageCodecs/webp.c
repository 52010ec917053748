// webp.c: WebP through libwebp; libwebpdemux finds the metadata and the first frame of an animation.

#include "CImageCodecs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

// The first frame of an animation lies on a transparent black canvas, which it need not fill; a still image
// is one frame that does. It is decoded into its place, so that no canvas of four channels is ever needed.
//
// Without `pixels` the frame is decoded to a thumbnail: a lossy one then takes the memory of a few of its rows. (A
// lossless frame always takes four bytes for each pixel; libwebp touches them as far as it can decode.)
static int read_frame(const swiftlet_webp *decoder, const WebPIterator *frame, uint8_t *pixels, char *message) {
  uint8_t thumbnail[3 * 8 * 8];
  size_t width = swiftlet_webp_width(decoder), height = swiftlet_webp_height(decoder);
  size_t x = (size_t)frame->x_offset, y = (size_t)frame->y_offset;
  WebPDecoderConfig config;
  if (x + (size_t)frame->width > width || y + (size_t)frame->height > height ||
      !WebPInitDecoderConfig(&config)) {
    return report(message, VP8_STATUS_BITSTREAM_ERROR);
  }
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  if (pixels) {
    if ((size_t)frame->width < width || (size_t)frame->height < height) memset(pixels, 0, 3 * width * height);
    size_t start = 3 * (y * width + x);
    config.output.u.RGBA.rgba = pixels + start;
    config.output.u.RGBA.stride = (int)(3 * width);
    config.output.u.RGBA.size = 3 * width * height - start;
  } else {
    config.options.use_scaling = 1;
    config.options.scaled_width = config.options.scaled_height = 8;
    config.options.bypass_filtering = 1;
    config.output.u.RGBA.rgba = thumbnail;
    config.output.u.RGBA.stride = 3 * 8;
    config.output.u.RGBA.size = sizeof thumbnail;
  }
  VP8StatusCode status = WebPGetFeatures(frame->fragment.bytes, frame->fragment.size, &config.input);
  if (status == VP8_STATUS_OK &&
      (config.input.width != frame->width || config.input.height != frame->height)) {
    status = VP8_STATUS_BITSTREAM_ERROR;
  }
  if (status == VP8_STATUS_OK) {
    status = WebPDecode(frame->fragment.bytes, frame->fragment.size, &config);
    WebPFreeDecBuffer(&config.output);
  }
  return report(message, status);
}

int swiftlet_webp_read(swiftlet_webp *decoder, uint8_t *pixels, char *message) {
  message[0] = 0;
  WebPIterator frame;
  if (!WebPDemuxGetFrame(decoder->demuxer, 1, &frame)) return report(message, VP8_STATUS_BITSTREAM_ERROR);
  int status = read_frame(decoder, &frame, pixels, message);
  WebPDemuxReleaseIterator(&frame);
  return status;
}

int swiftlet_webp_check(swiftlet_webp *decoder, char *message) {
  return swiftlet_webp_read(decoder, NULL, message);
}

void swiftlet_webp_close(swiftlet_webp *decoder) {
  if (!decoder) return;
  WebPDemuxDelete(decoder->demuxer);
  free(decoder);
}
