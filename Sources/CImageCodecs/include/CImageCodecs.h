// CImageCodecs.h: libjpeg, libpng, libwebp, giflib, libtiff and libheif behind calls that always return.
//
// libjpeg and libpng report errors with longjmp, which must not cross Swift frames. Each codec here is an
// opaque decoder: open (reads the header), look at width and height, read (decodes), look at the metadata,
// close. The encoded bytes belong to the caller and must outlive the decoder. Nothing is allocated in
// proportion to the image before read, so the caller can refuse a size first.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The status of a call. Everything but `SWIFTLET_OK` leaves one line in the message.
enum {
  SWIFTLET_OK = 0,
  /// The bytes end before the image does.
  SWIFTLET_TRUNCATED = 1,
  /// The bytes break the format's rules.
  SWIFTLET_CORRUPT = 2,
  /// A variety of the format that the library does not decode, or one that costs too much.
  SWIFTLET_UNSUPPORTED = 3,
  /// Memory ran out.
  SWIFTLET_NO_MEMORY = 4,
};

/// Bytes of the message buffer that every call takes; the message ends with NUL.
enum { SWIFTLET_MESSAGE_SIZE = 256 };

/// Scans after which a progressive JPEG is refused: encoders make about ten, an attack makes thousands.
enum { SWIFTLET_JPEG_MAXIMUM_SCANS = 500 };

// JPEG (libjpeg API; libjpeg-turbo). Integer "islow" DCT and fancy upsampling, the library's defaults.

/// A JPEG being decoded.
typedef struct swiftlet_jpeg swiftlet_jpeg;

/// Reads the header. On success `*decoder` must be closed; on failure it is NULL.
int swiftlet_jpeg_open(const uint8_t *bytes, size_t count, swiftlet_jpeg **decoder, char *message);
/// Pixels per row.
size_t swiftlet_jpeg_width(const swiftlet_jpeg *decoder);
/// Rows.
size_t swiftlet_jpeg_height(const swiftlet_jpeg *decoder);
/// The APP1 segments before the image, in order; NULL past the last. Valid until `swiftlet_jpeg_read`.
const uint8_t *swiftlet_jpeg_app1(const swiftlet_jpeg *decoder, size_t index, size_t *count);
/// Decodes to RGB, 3 * width * height bytes. Once per decoder.
int swiftlet_jpeg_read(swiftlet_jpeg *decoder, uint8_t *pixels, char *message);
/// Frees the decoder; NULL is allowed.
void swiftlet_jpeg_close(swiftlet_jpeg *decoder);

// PNG (libpng).

/// A PNG being decoded.
typedef struct swiftlet_png swiftlet_png;

/// Reads the header. On success `*decoder` must be closed; on failure it is NULL.
int swiftlet_png_open(const uint8_t *bytes, size_t count, swiftlet_png **decoder, char *message);
/// Pixels per row.
size_t swiftlet_png_width(const swiftlet_png *decoder);
/// Rows.
size_t swiftlet_png_height(const swiftlet_png *decoder);
/// Decodes to RGB, 3 * width * height bytes. Alpha is dropped; 16-bit samples keep their high byte. Checksums of pixel data
/// that are wrong are put up with. Once per decoder.
int swiftlet_png_read(swiftlet_png *decoder, uint8_t *pixels, char *message);
/// The remark on a file that was read in spite of a wrong checksum, or NULL.
const char *swiftlet_png_warning(const swiftlet_png *decoder);
/// The eXIf chunk, or NULL. Complete after `swiftlet_png_read`: the chunk may follow the pixels.
const uint8_t *swiftlet_png_exif(const swiftlet_png *decoder, size_t *count);
/// The text under `keyword`, decompressed, or NULL. Complete after `swiftlet_png_read`.
const char *swiftlet_png_text(const swiftlet_png *decoder, const char *keyword, size_t *count);
/// Frees the decoder; NULL is allowed.
void swiftlet_png_close(swiftlet_png *decoder);

/// Encodes RGB, 3 * width * height bytes, as a PNG of 8-bit RGB. On success `*bytes` must be freed with
/// `swiftlet_png_free`; on failure it is NULL.
int swiftlet_png_write(
    const uint8_t *pixels, size_t width, size_t height, uint8_t **bytes, size_t *count, char *message);
/// Frees the bytes of `swiftlet_png_write`; NULL is allowed.
void swiftlet_png_free(uint8_t *bytes);

// WebP (libwebp, libwebpdemux).

/// A WebP being decoded.
typedef struct swiftlet_webp swiftlet_webp;

/// Reads the header and the list of chunks. On success `*decoder` must be closed; on failure it is NULL.
int swiftlet_webp_open(const uint8_t *bytes, size_t count, swiftlet_webp **decoder, char *message);
/// Pixels per row of the canvas.
size_t swiftlet_webp_width(const swiftlet_webp *decoder);
/// Rows of the canvas.
size_t swiftlet_webp_height(const swiftlet_webp *decoder);
/// The first chunk named by the four characters of `name` ("EXIF", "XMP "), or NULL.
const uint8_t *swiftlet_webp_chunk(const swiftlet_webp *decoder, const char *name, size_t *count);
/// Decodes the image, of an animation the first frame, to RGB, 3 * width * height bytes.
int swiftlet_webp_read(swiftlet_webp *decoder, uint8_t *pixels, char *message);
/// Decodes the same without keeping pixels: damaged bytes are refused before memory is taken for an image. Costs as
/// long as reading.
int swiftlet_webp_check(swiftlet_webp *decoder, char *message);
/// Frees the decoder; NULL is allowed.
void swiftlet_webp_close(swiftlet_webp *decoder);

// GIF (giflib). Where the package is built without it, these are not defined; so too for TIFF and HEIF.

/// A GIF being decoded.
typedef struct swiftlet_gif swiftlet_gif;

/// Reads up to the pixels of the first frame. On success `*decoder` must be closed; on failure it is NULL.
int swiftlet_gif_open(const uint8_t *bytes, size_t count, swiftlet_gif **decoder, char *message);
/// Pixels per row of the canvas, which holds the whole first frame.
size_t swiftlet_gif_width(const swiftlet_gif *decoder);
/// Rows of the canvas.
size_t swiftlet_gif_height(const swiftlet_gif *decoder);
/// Decodes the first frame to RGB, 3 * width * height bytes. Without `pixels` nothing is kept: damaged bytes are refused
/// before memory is taken for an image. Once per decoder.
int swiftlet_gif_read(swiftlet_gif *decoder, uint8_t *pixels, char *message);
/// Frees the decoder; NULL is allowed.
void swiftlet_gif_close(swiftlet_gif *decoder);

// TIFF (libtiff).

/// A TIFF being decoded.
typedef struct swiftlet_tiff swiftlet_tiff;

/// Reads the first directory. On success `*decoder` must be closed; on failure it is NULL.
int swiftlet_tiff_open(const uint8_t *bytes, size_t count, swiftlet_tiff **decoder, char *message);
/// Pixels per row.
size_t swiftlet_tiff_width(const swiftlet_tiff *decoder);
/// Rows.
size_t swiftlet_tiff_height(const swiftlet_tiff *decoder);
/// The orientation by EXIF's numbers, or 0 where the file has none.
int swiftlet_tiff_orientation(const swiftlet_tiff *decoder);
/// The XMP packet, or NULL.
const uint8_t *swiftlet_tiff_xmp(const swiftlet_tiff *decoder, size_t *count);
/// Decodes to RGB, 3 * width * height bytes. Alpha is dropped, after premultiplied colors were divided by it; samples of
/// more than 8 bits keep their high byte.
int swiftlet_tiff_read(swiftlet_tiff *decoder, uint8_t *pixels, char *message);
/// Frees the decoder; NULL is allowed.
void swiftlet_tiff_close(swiftlet_tiff *decoder);

// HEIC and AVIF (libheif).

/// A HEIC or AVIF image being decoded.
typedef struct swiftlet_heif swiftlet_heif;

/// Reads the boxes. On success `*decoder` must be closed; on failure it is NULL.
int swiftlet_heif_open(const uint8_t *bytes, size_t count, swiftlet_heif **decoder, char *message);
/// Pixels per row of the primary image, upright.
size_t swiftlet_heif_width(const swiftlet_heif *decoder);
/// Rows.
size_t swiftlet_heif_height(const swiftlet_heif *decoder);
/// Decodes to RGB, 3 * width * height bytes, turned as the file says. Deeper samples become 8 bits; alpha is dropped.
int swiftlet_heif_read(swiftlet_heif *decoder, uint8_t *pixels, char *message);
/// Frees the decoder; NULL is allowed.
void swiftlet_heif_close(swiftlet_heif *decoder);

#ifdef __cplusplus
}
#endif
