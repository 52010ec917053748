// TrainingBuffer.swift: a block of floats that works of a training step read and write.

import SwiftletCore

/// Floats with a life: from the first work that uses them to the last one, or, where they persist, from step to step.
///
/// Where they are is decided when all works are known; one session owns its buffers, and nothing else sees them.
final class TrainingBuffer {
  /// How many floats.
  let count: Int
  /// Whether the next step finds what this one leaves: parameters, state and inputs.
  let persists: Bool
  /// The first and the last work that uses it.
  private(set) var life: ClosedRange<Int>?
  /// Where it is; set once, before the first run.
  var pointer = UnsafeMutablePointer<Float>(bitPattern: 64).unsafelyUnwrapped

  init(count: Int, persists: Bool = false) {
    self.count = count
    self.persists = persists
  }

  /// A work uses it.
  func use(at work: Int) {
    life = life.map { min($0.lowerBound, work)...max($0.upperBound, work) } ?? work...work
  }

  /// The same memory as doubles; it was reserved with two floats for each.
  var doubles: UnsafeMutablePointer<Double> {
    UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: Double.self)
  }
}
