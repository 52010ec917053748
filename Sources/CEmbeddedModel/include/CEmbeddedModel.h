// CEmbeddedModel.h: a trained network inside the program.

#ifndef C_EMBEDDED_MODEL_H
#define C_EMBEDDED_MODEL_H

#include <stddef.h>

/// The bytes of a safetensors file in base64, without line breaks; `length` characters, which are there as long as
/// the program runs.
const char *_Nonnull swiftlet_embedded_model(size_t *_Nonnull length);

#endif
