// Range+Shares.swift: how rows, tiles, pixels and images are shared out among threads and cut into strips.

extension Range where Bound == Int {
  /// The share of one part, in multiples of `unit`.
  @inline(__always)
  static func share(_ count: Int, of part: Int, _ parts: Int, unit: Int = 1) -> Range<Int> {
    let units = (count + unit - 1) / unit
    let (begin, end) = (units * part / parts * unit, units * (part + 1) / parts * unit)
    return Swift.min(begin, count)..<Swift.min(end, count)
  }

  /// What of a range that is counted through a batch lies in one image of `count`, counted from its first; empty where nothing does.
  @inline(__always)
  func inImage(_ image: Int, each count: Int) -> Range<Int> {
    (lowerBound - image * count..<upperBound - image * count).clamped(to: 0..<count)
  }

  /// Ranges of `size` that follow each other, the last one of what is left.
  @inline(__always)
  func pieces(of size: Int) -> Pieces { Pieces(begin: lowerBound, end: upperBound, size: size) }
}

/// The ranges of ``Swift/Range/pieces(of:)``. A lazy map would allocate its closure where it is not specialized.
struct Pieces: Sequence, IteratorProtocol {
  fileprivate var begin: Int
  fileprivate let end: Int, size: Int

  @inline(__always)
  mutating func next() -> Range<Int>? {
    guard begin < end else { return nil }
    let last = Swift.min(begin + Swift.max(size, 1), end)
    defer { begin = last }
    return begin..<last
  }
}
