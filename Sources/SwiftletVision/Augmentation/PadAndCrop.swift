// PadAndCrop.swift: an image shifted at random, black coming in at the edges: the usual augmentation of CIFAR.
// (Lee et al., "Deeply-supervised nets", 2014; He et al., arXiv 1512.03385, section 4.2.)

import SwiftletCore

/// Pads an image with black on all sides and cuts out a random part of its old size.
package struct PadAndCrop: Sendable, Codable, Hashable {
  /// Pixels on each side.
  package var padding: Int

  /// Creates it.
  package init(padding: Int = 4) { self.padding = padding }

  /// The shifted image, of the same size.
  package func apply(_ image: RGBImage, using generator: inout SeededGenerator) -> RGBImage {
    applied(to: image, using: &generator).image
  }

  /// The same, with the transform that was drawn.
  package func applied(to image: RGBImage, using generator: inout SeededGenerator) -> TransformedImage {
    // The part's corner in the padded image, as torchvision draws it: row, then column.
    let padding = max(0, min(self.padding, Preprocessing.maximumResolution))
    let y = generator.integer(below: 2 * padding + 1) - padding
    let x = generator.integer(below: 2 * padding + 1) - padding
    return image.translated(x: -x, y: -y)
  }
}

extension RGBImage {
  /// The image moved by whole pixels, with the transform; the uncovered edges are black.
  func translated(x: Int, y: Int) -> TransformedImage {
    TransformedImage(shifted(x: -x, y: -y), .translation(x: Double(x), y: Double(y)))
  }

  /// The image whose corner is this one's pixel (`x`, `y`); pixels outside are black.
  package func shifted(x: Int, y: Int) -> RGBImage {
    if x == 0, y == 0 { return self }
    let count = pixels.count
    let rowBytes = 3 * width
    let result = [UInt8](unsafeUninitializedCapacity: count) { target, filled in
      pixels.withUnsafeBytes { source in
        let output = UnsafeMutableRawBufferPointer(target)
        output.initializeMemory(as: UInt8.self, repeating: 0)
        let rows = max(0, y)..<max(max(0, y), min(height, height + y))
        let columns = width - abs(x)
        if columns > 0 {
          for row in rows {
            let from = row * rowBytes + 3 * max(0, x)
            let to = (row - y) * rowBytes + 3 * max(0, -x)
            UnsafeMutableRawBufferPointer(rebasing: output[to...])
              .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[from..<(from + 3 * columns)]))
          }
        }
      }
      filled = count
    }
    return RGBImage(width: width, height: height, valid: result)
  }
}
