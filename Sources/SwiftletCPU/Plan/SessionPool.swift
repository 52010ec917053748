// SessionPool.swift: sessions that threads take turns with, so that a run from any thread finds memory that is warm.

import Dispatch
import SwiftletCore
import SwiftletGraph
import Synchronization

/// Runs a plan from any number of threads. Each takes a session that is free; where all are in use it waits for one, so that memory
/// does not grow with the number of callers.
package final class SessionPool: Sendable {
  private final class Slot: Sendable {
    let session = Mutex<CPUSession?>(nil)
  }

  /// The plan.
  package let plan: CPUPlan
  private let slots: [Slot]
  private let free: DispatchSemaphore

  /// Creates a pool of at most `capacity` sessions, each of which is made when it is needed.
  ///
  /// - Parameter capacity: as many as this process can run threads at a time, if `nil`.
  package init(_ plan: CPUPlan, capacity: Int? = nil) {
    self.plan = plan
    let count = max(1, capacity ?? AvailableProcessors.count)
    slots = (0..<count).map { _ in Slot() }
    free = DispatchSemaphore(value: count)
  }

  /// Sessions at most.
  package var capacity: Int { slots.count }

  /// Gives a session exclusively.
  package func withSession<Result: Sendable>(
    _ body: @Sendable (inout CPUSession) throws -> Result
  ) rethrows -> Result {
    free.wait()
    defer { free.signal() }
    while true {
      for slot in slots {
        let result = try slot.session.withLockIfAvailable { session -> Result? in
          if session == nil { session = plan.makeCPUSession() }
          return try session?.perform(body)
        }
        if let result, let result { return result }
      }
    }
  }

  /// Runs the plan once.
  ///
  /// - Throws: ``GraphError/wrongInput(name:expected:got:)``.
  package func run(_ inputs: [Tensor]) throws -> [Tensor] {
    try withSession { try $0.run(inputs) }
  }
}
