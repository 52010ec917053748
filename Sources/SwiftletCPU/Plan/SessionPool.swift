// SessionPool.swift: sessions that threads take turns with, so that a run from any thread finds memory that is warm.

import SwiftletCore
import SwiftletGraph
import Synchronization

/// Runs a plan from any number of threads: each takes a session that is free, or makes one for the occasion.
public final class SessionPool: Sendable {
  private final class Slot: Sendable {
    let session = Mutex<CPUSession?>(nil)
  }

  /// The plan.
  public let plan: CPUPlan
  private let slots: [Slot]

  /// Creates a pool that keeps at most `capacity` sessions.
  public init(_ plan: CPUPlan, capacity: Int = 8) {
    self.plan = plan
    slots = (0..<max(1, capacity)).map { _ in Slot() }
  }

  /// Runs the plan once.
  ///
  /// - Throws: ``GraphError/wrongInput(name:expected:got:)``.
  public func run(_ inputs: [Tensor]) throws -> [Tensor] {
    for slot in slots {
      let results = try slot.session.withLockIfAvailable { session -> [Tensor] in
        if session == nil { session = plan.makeCPUSession() }
        return try session?.run(inputs) ?? []
      }
      if let results { return results }
    }
    var session = plan.makeCPUSession()
    return try session.run(inputs)
  }
}
