// TrainingBuffer.swift: a block of floats that ops of a training step read and write.

import SwiftletCore

/// Floats with a life: from the first op that uses them to the last one, or, where they persist, from step to step.
///
/// Their address is set when all ops are known; one session owns its buffers, and nothing else sees them.
final class TrainingBuffer {
  /// The number of floats.
  let count: Int
  /// Whether the contents are kept for the next step: parameters, state and inputs.
  let persists: Bool
  /// The first and the last op that uses it.
  private(set) var life: ClosedRange<Int>?
  /// The first float.
  private(set) var pointer: UnsafeMutablePointer<Float>
  /// Whether it has an address in the session's memory.
  private(set) var isPlaced = false

  /// - Parameter nowhere: the address until ``place(at:)``; it is never read or written.
  init(count: Int, persists: Bool = false, nowhere: UnsafeMutablePointer<Float>) {
    self.count = count
    self.persists = persists
    pointer = nowhere
  }

  /// An op uses it.
  func use(at op: Int) {
    life = life.map { min($0.lowerBound, op)...max($0.upperBound, op) } ?? op...op
  }

  /// Gives it its memory: once, before the first run.
  func place(at address: UnsafeMutablePointer<Float>) {
    pointer = address
    isPlaced = true
  }

  /// The same memory as doubles; it was reserved with two floats for each.
  var doubles: UnsafeMutablePointer<Double> {
    UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: Double.self)
  }
}

/// Floats that belong to one owner, and are given back with it.
final class FloatMemory {
  private let block: ZeroedMemory
  /// The first float, at the start of a cache line.
  let start: UnsafeMutablePointer<Float>
  let count: Int

  /// Reserves zeros.
  ///
  /// - Throws: ``TrainingEngineError/tooLarge(floats:)``.
  init(count: Int) throws {
    let (bytes, overflow) = max(count, 16).multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
    guard !overflow else { throw TrainingEngineError.tooLarge(floats: count) }
    let block = ZeroedMemory(byteCount: bytes)
    guard let start = block.bytes.assumingMemoryBound(to: Float.self).baseAddress else {
      block.deallocate()
      throw TrainingEngineError.tooLarge(floats: count)
    }
    (self.block, self.start, self.count) = (block, start, count)
  }

  deinit { block.deallocate() }
}
