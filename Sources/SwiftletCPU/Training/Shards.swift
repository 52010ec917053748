// Shards.swift: the parts of a batch: shards, whose sums are added in order, and strips of shards that fit in a cache.

/// A batch in a few ranges of images, the shards: the unit of sums, and of a worker's share.
struct Shards {
  /// Images of the batch.
  let images: Int
  /// The number of ranges.
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

  /// The ranges that one worker takes.
  func partition(of worker: Int, _ workers: Int) -> Range<Int> { Range.partition(count, of: worker, workers) }
}

/// Floats of memory that strips should stay within: half of the second-level cache. Sums are rounded strip by strip, so machines with
/// other caches may differ in the last bits.
let stripFloats = max(CacheSizes.current.level2 / 8, 32 << 10)

/// Pixels of a strip that needs `floats` for each: a multiple of 84, which suits tiles of 6 and 7 rows.
func stripPixels(floats: Int) -> Int {
  max(84, min(stripFloats / max(floats, 1), 1008) / 84 * 84)
}

/// A count in whole cache lines of floats.
func wholeLines(_ count: Int) -> Int { count.rounded(upTo: 16) }
