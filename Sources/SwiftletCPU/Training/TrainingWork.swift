// TrainingWork.swift: what a training step consists of: works that all threads do together, one after the other.

import CKernels
import SwiftletCore

/// What a thread has while it works.
final class WorkContext {
  let kernels: sk_kernels
  let training: sk_training
  /// The thread's memory for strips.
  let scratch: UnsafeMutablePointer<Float>

  init(_ kernels: sk_kernels, scratch: UnsafeMutablePointer<Float>) {
    self.kernels = kernels
    training = kernels.training.pointee
    self.scratch = scratch
  }
}

/// One piece of a step. Its result does not depend on how many threads share it: what is summed over images is summed by
/// ``Chunks``, whose number does not depend on threads, and the chunks' sums are added in order.
class TrainingWork {
  /// The node that it does, or begins with.
  let label: String
  /// Everything that it reads or writes.
  let uses: [TrainingBuffer]
  /// Floats of ``WorkContext/scratch`` that a thread needs.
  let scratchCount: Int
  /// Multiply-adds of the work, for profiles.
  var multiplyAdds: Int { 0 }

  init(_ label: String, uses: [TrainingBuffer?], scratch: Int = 0) {
    self.label = label
    self.uses = uses.compactMap { $0 }
    scratchCount = scratch
  }

  /// What profiles call it.
  var name: String { "\(type(of: self))" }

  /// Does one thread's share.
  func run(_ context: WorkContext, part: Int, parts: Int) {}
}

/// A batch in a few ranges of images: the unit of sums, and of the sharing of work.
struct Chunks {
  /// Images of the batch.
  let images: Int
  /// How many ranges.
  let count: Int

  /// As many as are worth their partial sums of `weights` floats each.
  init(images: Int, weights: Int = 0) {
    self.images = images
    count = max(1, min(images, weights > 1 << 20 ? 2 : weights > 1 << 17 ? 4 : 8))
  }

  /// The images of a range.
  subscript(index: Int) -> Range<Int> { images * index / count..<images * (index + 1) / count }

  /// The pixels of a range's images.
  func pixels(_ index: Int, each pixels: Int) -> Range<Int> {
    self[index].lowerBound * pixels..<self[index].upperBound * pixels
  }

  /// The ranges that one thread takes.
  func share(of part: Int, _ parts: Int) -> Range<Int> { Range.share(count, of: part, parts) }
}

/// Floats of memory that strips should stay within: a good half of a second-level cache.
let stripFloats = 128 << 10

/// Pixels of a strip that needs `floats` for each: a multiple of what tiles of 6 and 7 rows like.
func stripPixels(floats: Int) -> Int {
  max(84, min(stripFloats / max(floats, 1), 1008) / 84 * 84)
}
