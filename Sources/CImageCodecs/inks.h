// inks.h: RGB of CMYK pixels, by Pillow's arithmetic.
#pragma once

#include <stdint.h>

// With K = 255 - k, red = (255 - K) - C(255 - K)/255, the division rounded; `light` is 255 - K.
static inline uint8_t swiftlet_screen(unsigned ink, unsigned light) {
  unsigned product = ink * light + 128;
  unsigned rounded = ((product >> 8) + product) >> 8;
  return (uint8_t)(light - rounded);
}
