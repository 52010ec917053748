// WeightBlob.swift: all packed weights of a plan in one block, in the order of execution.

import SwiftletCore

/// Collects what is to be packed, then packs it into one storage.
struct WeightBlob {
  private var pieces: [(offset: Int, count: Int, fill: @Sendable (UnsafeMutablePointer<Float>) -> Void)] = []
  private(set) var count = 0

  /// Reserves floats, aligned to a cache line; `fill` writes them later, over zeros.
  mutating func reserve(_ count: Int, _ fill: @escaping @Sendable (UnsafeMutablePointer<Float>) -> Void)
    -> BlobOffset
  {
    let offset = (self.count + 15) / 16 * 16
    pieces.append((offset, count, fill))
    self.count = offset + count
    return offset
  }

  /// The storage with everything in it, packed by all members of the pool.
  func packed(on pool: ThreadPool) -> TensorStorage {
    TensorStorage(byteCount: 4 * count) { bytes in
      let base = UInt(bitPattern: bytes.baseAddress)
      let pieces = pieces
      // Pieces do not overlap.
      pool.forEach(pieces.count) { index in
        guard let memory = UnsafeMutableRawPointer(bitPattern: base) else { return }
        pieces[index].fill(memory.assumingMemoryBound(to: Float.self) + pieces[index].offset)
      }
    }
  }
}
