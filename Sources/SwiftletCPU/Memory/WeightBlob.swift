// WeightBlob.swift: all packed weights and tables of a plan in one block, in the order of execution.

import SwiftletCore

/// Collects the entries to be packed, then packs them into one storage.
struct WeightBlob {
  private struct Entry: Sendable {
    let offset: Int, byteCount: Int
    let fill: @Sendable (UnsafeMutableRawPointer) -> Void
  }

  private var entries: [Entry] = []
  /// Bytes so far.
  private(set) var byteCount = 0

  /// Reserves bytes, aligned to a cache line; `fill` writes them later, over zeros.
  mutating func reserve(
    byteCount: Int, _ fill: @escaping @Sendable (UnsafeMutableRawPointer) -> Void = { _ in }
  ) -> BlobOffset {
    let offset = self.byteCount.rounded(upTo: MemoryPlanner.line)
    entries.append(Entry(offset: offset, byteCount: byteCount, fill: fill))
    self.byteCount = offset + byteCount
    return offset
  }

  /// Reserves `count` elements of a type.
  mutating func reserve<Element>(
    _ count: Int, of type: Element.Type, _ fill: @escaping @Sendable (UnsafeMutablePointer<Element>) -> Void
  ) -> BlobOffset {
    reserve(byteCount: count * MemoryLayout<Element>.stride) {
      fill($0.assumingMemoryBound(to: Element.self))
    }
  }

  /// The bytes of each entry.
  var layout: [Int] { entries.map(\.byteCount) }

  /// The storage with everything in it, packed by all workers of the pool.
  func packed(on pool: ThreadPool) -> TensorStorage {
    TensorStorage(byteCount: byteCount) { bytes in
      // Entries do not overlap, so each is written by one worker only.
      nonisolated(unsafe) let base = bytes.baseAddress
      let entries = entries
      pool.forEach(entries.count) { index in
        if let base { entries[index].fill(base + entries[index].offset) }
      }
    }
  }
}

extension Int {
  /// The least multiple of `unit` that is not below it.
  @inline(__always)
  func rounded(upTo unit: Int) -> Int { (self + unit - 1) / unit * unit }

  /// The number of tiles of `size` that cover it.
  @inline(__always)
  func tiles(of size: Int) -> Int { (self + size - 1) / size }
}
