// Range+Partition.swift: the partition of rows, tiles, pixels and images among workers, and into tiles.

extension Range where Bound == Int {
  /// The partition of one worker, in multiples of `unit`.
  @inline(__always)
  static func partition(_ count: Int, of part: Int, _ parts: Int, unit: Int = 1) -> Range<Int> {
    let units = count.tiles(of: unit)
    let (begin, end) = (units * part / parts * unit, units * (part + 1) / parts * unit)
    return Swift.min(begin, count)..<Swift.min(end, count)
  }

  /// The part of a batch-wide range that falls in one image of `count`, relative to the image; empty where nothing does.
  @inline(__always)
  func inImage(_ image: Int, each count: Int) -> Range<Int> {
    (lowerBound - image * count..<upperBound - image * count).clamped(to: 0..<count)
  }

  /// Ranges of `size` that follow each other, the last one of the rest.
  @inline(__always)
  func tiles(of size: Int) -> Tiles { Tiles(self, size) }
}

/// A range cut into tiles. (A type of its own, since a lazy map keeps its closure on the heap wherever it is not inlined.)
struct Tiles: Sequence, IteratorProtocol {
  private var start: Int
  private let end: Int, size: Int

  @inline(__always)
  init(_ range: Range<Int>, _ size: Int) {
    (start, end, self.size) = (range.lowerBound, range.upperBound, size)
  }

  @inline(__always)
  mutating func next() -> Range<Int>? {
    guard start < end else { return nil }
    defer { start += size }
    return start..<Swift.min(start + size, end)
  }
}
