// PackedMatrix.swift: a matrix of weights as the kernels read it.

import SwiftletCore

/// The offset of packed weights or biases: bytes from the start of the plan's blob.
typealias BlobOffset = Int

/// Packed weights, and the format of their elements.
struct PackedMatrix: Sendable, Hashable {
  /// Their offset in the blob.
  var offset: BlobOffset
  /// The type of an element: `float32`, or the type to which a layer's weights are rounded.
  var format: ScalarType
}
