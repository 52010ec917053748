// PackedMatrix.swift: a matrix of weights as the kernels read it.

import SwiftletCore

/// Where packed weights and biases are: bytes from the start of the plan's blob.
typealias BlobOffset = Int

/// Packed weights, and the format of their elements.
struct PackedMatrix: Sendable, Hashable {
  /// Where they begin in the blob.
  var offset: BlobOffset
  /// The type of an element: `float32`, or what a layer's weights are rounded to.
  var format: ScalarType
}
