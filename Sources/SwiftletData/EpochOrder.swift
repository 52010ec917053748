// EpochOrder.swift: the order of an epoch's images, and the random numbers of each.

import SwiftletCore

/// Everything random about an epoch as a function of the seed, the epoch and the numbers' purpose: neither threads nor the
/// point where an epoch is resumed can change it.
enum EpochOrder {
  /// The purpose of random numbers.
  enum Purpose: UInt64 {
    case order, image, mixing
  }

  /// The numbers for one image or batch of an epoch.
  static func generator(seed: UInt64, epoch: Int, _ purpose: Purpose, _ index: Int = 0) -> SeededGenerator {
    var outer = SeededGenerator(
      seed: seed, stream: UInt64(truncatingIfNeeded: epoch) &* 4 &+ purpose.rawValue)
    return SeededGenerator(seed: outer.next(), stream: UInt64(truncatingIfNeeded: index))
  }

  /// A permutation of the indices below `count`.
  static func permutation(count: Int, seed: UInt64, epoch: Int) -> [Int] {
    var generator = generator(seed: seed, epoch: epoch, .order)
    return shuffled(Array(0..<count), using: &generator)
  }

  /// Fisher and Yates's shuffle (Durstenfeld 1964). Not the standard library's, whose numbers a new version may change.
  static func shuffled(_ indices: [Int], using generator: inout SeededGenerator) -> [Int] {
    var result = indices
    for last in stride(from: result.count - 1, to: 0, by: -1) {
      result.swapAt(last, generator.integer(below: last + 1))
    }
    return result
  }
}
