// Mixing.swift: batches whose images are mixed with each other, and their targets with them.

import SwiftletCore

/// The mixing of a batch's images: each with the one before it, the first with the last.
public enum Mixing: Sendable, Codable, Hashable {
  /// Weighted sums: `Mixup`.
  case mixup(alpha: Double)
  /// Rectangles of one in the other: `CutMix`.
  case cutMix(alpha: Double)
  /// One of the two for each batch, equally likely.
  case either(mixup: Double, cutMix: Double)

  /// Refuses numbers that make no sense, which files may hold.
  ///
  /// - Throws: ``VisionError/preprocessing(reason:)``.
  public func check() throws {
    let alphas =
      switch self {
      case .mixup(let alpha), .cutMix(let alpha): [alpha]
      case .either(let mixup, let cutMix): [mixup, cutMix]
      }
    for alpha in alphas where !(alpha > 0 && alpha <= 1000) {
      throw VisionError.preprocessing(reason: "mixing: an alpha of \(alpha) is not in 0...1000, or is 0")
    }
  }

  /// Mixes a batch.
  ///
  /// - Parameters:
  ///   - images: `[N, H, W, C]`.
  ///   - targets: `[N, classes]`, each row a distribution.
  ///   - generator: the source of randomness.
  /// - Returns: tensors of the same shapes.
  /// - Throws: ``VisionError/preprocessing(reason:)`` where the shapes do not fit together or an alpha makes no sense.
  public func mixed(
    images: Tensor, targets: Tensor, using generator: inout SeededGenerator
  ) throws -> (images: Tensor, targets: Tensor) {
    try check()
    guard images.shape.rank == 4, targets.shape.rank == 2, images.shape[0] == targets.shape[0] else {
      throw VisionError.preprocessing(
        reason: "mixing: images of shape \(images.shape) and targets of shape \(targets.shape)")
    }
    var (pixels, classes) = (images.floats(), targets.floats())
    pixels.withUnsafeMutableBufferPointer { pixels in
      classes.withUnsafeMutableBufferPointer { classes in
        let batch = MixableBatch(
          count: images.shape[0], height: images.shape[1], width: images.shape[2], channels: images.shape[3],
          pixels: pixels, targets: [classes])
        apply(to: batch, using: &generator)
      }
    }
    return try (
      Tensor(shape: images.shape, floats: pixels), Tensor(shape: targets.shape, floats: classes)
    )
  }

  /// Mixes a batch in place. The alphas have been checked.
  package func apply(to batch: MixableBatch, using generator: inout SeededGenerator) {
    switch self {
    case .mixup(let alpha): Mixup(alpha: alpha).apply(to: batch, using: &generator)
    case .cutMix(let alpha): CutMix(alpha: alpha).apply(to: batch, using: &generator)
    case .either(let mixup, let cutMix):
      if generator.uniform() < 0.5 {
        Mixup(alpha: mixup).apply(to: batch, using: &generator)
      } else {
        CutMix(alpha: cutMix).apply(to: batch, using: &generator)
      }
    }
  }
}

/// A batch in memory of the caller's: images `[N, H, W, C]`, and targets `[N, …]`.
package struct MixableBatch {
  let count: Int, height: Int, width: Int, channels: Int
  let pixels: UnsafeMutableBufferPointer<Float>
  let targets: [UnsafeMutableBufferPointer<Float>]

  package init(
    count: Int, height: Int, width: Int, channels: Int, pixels: UnsafeMutableBufferPointer<Float>,
    targets: [UnsafeMutableBufferPointer<Float>]
  ) {
    self.count = count
    self.height = height
    self.width = width
    self.channels = channels
    self.pixels = pixels
    self.targets = targets
  }

  /// Calls `body` with each of `count` equal parts of a buffer and the original contents of the part before it.
  func withPartners(
    _ buffer: UnsafeMutableBufferPointer<Float>,
    _ body: (UnsafeMutableBufferPointer<Float>, UnsafeBufferPointer<Float>) -> Void
  ) {
    guard count > 1, !buffer.isEmpty else { return }
    let size = buffer.count / count
    func part(_ index: Int) -> UnsafeMutableBufferPointer<Float> {
      UnsafeMutableBufferPointer(rebasing: buffer[(index * size)..<((index + 1) * size)])
    }
    // From the end, so that each finds its partner unchanged; only the first needs a copy.
    let last = Array(part(count - 1))
    for index in stride(from: count - 1, to: 0, by: -1) {
      body(part(index), UnsafeBufferPointer(part(index - 1)))
    }
    last.withUnsafeBufferPointer { body(part(0), $0) }
  }

  /// Mixes the targets: `share` of each one's own.
  func mixTargets(_ share: Float) {
    for target in targets {
      withPartners(target) { own, other in
        for index in own.indices { own[index] = share * own[index] + (1 - share) * other[index] }
      }
    }
  }
}
