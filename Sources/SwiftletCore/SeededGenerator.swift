// SeededGenerator.swift: random numbers that depend on the seed and the stream, not on the order of the requests.

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A counter-based random number generator: number `i` of stream `s` under seed `k` is a fixed function of
/// (k, s, i), so results depend neither on the number of threads nor on the order of evaluation.
///
/// The function is SplitMix64's finaliser (Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", OOPSLA 2014) over a Weyl sequence that starts at a hash of seed and stream.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
  private let origin: UInt64
  private var counter: UInt64 = 0

  /// Creates a generator.
  ///
  /// - Parameters:
  ///   - seed: the seed of the whole run.
  ///   - stream: distinguishes the uses of one seed: a step, a node, a parameter's index.
  public init(seed: UInt64, stream: UInt64 = 0) {
    origin = Self.mix(Self.mix(seed &+ 0x9E37_79B9_7F4A_7C15) ^ (stream &* 0xD1B5_4A32_D192_ED03))
  }

  /// Creates a generator with a named stream, such as a parameter's path (FNV-1a of its UTF-8).
  public init(seed: UInt64, stream name: String) {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    self.init(seed: seed, stream: hash)
  }

  /// The next 64 random bits.
  public mutating func next() -> UInt64 {
    counter &+= 1
    return Self.mix(origin &+ counter &* 0x9E37_79B9_7F4A_7C15)
  }

  /// A number in [0, 1), of 53 random bits.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A number in [low, high).
  public mutating func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * uniform() }

  /// A number from the standard normal distribution (Box and Muller 1958; two uniform numbers each).
  public mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * Double.pi * uniform())
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
