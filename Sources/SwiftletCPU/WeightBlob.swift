// WeightBlob.swift: all packed weights of a plan in one block, in the order of execution.

import SwiftletCore

/// Collects what is to be packed, then packs it into one storage.
struct WeightBlob {
  private var pieces: [(offset: Int, count: Int, fill: (UnsafeMutablePointer<Float>) -> Void)] = []
  private(set) var count = 0

  /// Reserves floats, aligned to a cache line; `fill` writes them later, over zeros.
  mutating func reserve(_ count: Int, _ fill: @escaping (UnsafeMutablePointer<Float>) -> Void) -> BlobOffset {
    let offset = (self.count + 15) / 16 * 16
    pieces.append((offset, count, fill))
    self.count = offset + count
    return offset
  }

  /// The storage with everything in it.
  func packed() -> TensorStorage {
    TensorStorage(byteCount: 4 * count) { bytes in
      guard let base = bytes.baseAddress?.assumingMemoryBound(to: Float.self) else { return }
      for piece in pieces { piece.fill(base + piece.offset) }
    }
  }
}
