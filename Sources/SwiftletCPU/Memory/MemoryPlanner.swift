// MemoryPlanner.swift: one arena for all values; those that are never alive together share memory.

/// Lays intervals of life out in one arena. Sizes and offsets are in any one unit, such as bytes or floats.
struct MemoryPlanner {
  /// Bytes of a cache line, to which values are aligned.
  static let line = 64

  private struct Buffer {
    let first: Int
    var last: Int
    let size: Int
    var offset = 0
  }

  private let alignment: Int
  private var buffers: [Buffer] = []

  /// Creates an empty arena whose offsets are multiples of `alignment`: 16 floats by default.
  init(alignment: Int = 16) { self.alignment = alignment }

  /// Reserves `size` units that are written at step `first`; ``extend(_:to:)`` sets the last step that reads them.
  mutating func reserve(_ size: Int, at first: Int) -> Int {
    buffers.append(Buffer(first: first, last: first, size: size.rounded(upTo: alignment)))
    return buffers.count - 1
  }

  /// The buffer is still read at step `last`.
  mutating func extend(_ buffer: Int, to last: Int) {
    buffers[buffer].last = max(buffers[buffer].last, last)
  }

  /// The offset of each buffer, and the size of the arena. Largest first, each at the lowest offset that is free
  /// through its life.
  mutating func layOut() -> (offsets: [Int], size: Int) {
    var placed: [Buffer] = []
    var size = 0
    let order = buffers.indices.sorted {
      (-buffers[$0].size, buffers[$0].first) < (-buffers[$1].size, buffers[$1].first)
    }
    for index in order {
      let buffer = buffers[index]
      let neighbours = placed.filter { $0.first <= buffer.last && buffer.first <= $0.last }
        .sorted { $0.offset < $1.offset }
      var offset = 0
      for other in neighbours {
        if other.offset >= offset + buffer.size { break }
        offset = max(offset, other.offset + other.size)
      }
      buffers[index].offset = offset
      placed.append(buffers[index])
      size = max(size, offset + buffer.size)
    }
    return (buffers.map(\.offset), size)
  }
}
