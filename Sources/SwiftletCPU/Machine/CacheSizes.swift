// CacheSizes.swift: the caches of a core, and the thresholds that follow them.

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Bytes of the caches that one core has to itself.
public struct CacheSizes: Sendable, Hashable, Codable {
  /// The first level's data cache, and the second level.
  public var level1: Int, level2: Int

  /// Creates sizes, in bytes.
  public init(level1: Int, level2: Int) {
    self.level1 = level1
    self.level2 = level2
  }

  /// The caches of this machine; if unknown, 32 kB and 512 kB, which every server processor of the last years has.
  public static let current = CacheSizes(
    level1: found(level: 1) ?? 32 << 10, level2: found(level: 2) ?? 512 << 10)

  private static func found(level: Int) -> Int? {
    var bytes = 0
    #if canImport(Darwin)
      var size = MemoryLayout<Int>.size
      let name = level == 1 ? "hw.l1dcachesize" : "hw.l2cachesize"
      guard sysctlbyname(name, &bytes, &size, nil, 0) == 0 else { return nil }
    #elseif canImport(Glibc)
      bytes = sysconf(Int32(level == 1 ? _SC_LEVEL1_DCACHE_SIZE : _SC_LEVEL2_CACHE_SIZE))
    #endif
    return bytes >= 4 << 10 ? bytes : nil
  }
}

// The shares were measured with an L2 of 1 MB.
extension CacheSizes {
  /// The least size in bytes of the tensor between the layers of a block at which the block is fused: L2 cannot hold more beside
  /// the rest.
  var leastFusedBytes: Int { level2 / 4 * 3 }
  /// Bytes of a block's weights up to which it is fused: every strip reads them again, from L2.
  var mostFusedWeightBytes: Int { level2 / 4 * 3 }
  /// Bytes of a fused block's strip: a good part of L2.
  var stripBytes: Int { level2 / 16 * 5 }
  /// Bytes of a matrix product's rows that stay in L2 while all panels of weights pass over them.
  var productBlockBytes: Int { level2 / 8 }
  /// Bytes of a depthwise convolution's input rows that stay in L1 until the next output row; the rest is for weights and output.
  var depthwiseRowsBytes: Int { level1 / 4 * 3 }
  /// Bytes of transformed tiles and products of Winograd's convolution.
  var winogradScratchBytes: Int { level2 / 8 * 5 }
}
