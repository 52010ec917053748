// BlockingWork.swift: work that takes milliseconds, away from the threads of Swift's tasks.

import Foundation
import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletGraph
import SwiftletVision
import SwiftletWeights
import Synchronization

/// Runs blocking work on a few threads of its own, for async callers.
enum BlockingWork {
  private static let queue: OperationQueue = {
    let queue = OperationQueue()
    queue.name = "swiftlet"
    queue.maxConcurrentOperationCount = AvailableProcessors.count
    return queue
  }()

  private final class Flag: Sendable {
    let isSet = Atomic<Bool>(false)
  }

  /// Runs `body`; work whose task is cancelled before it starts is not done.
  ///
  /// - Throws: the error of `body`, `CancellationError`.
  static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    let isCancelled = Flag()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        queue.addOperation {
          guard !isCancelled.isSet.load(ordering: .relaxed) else {
            continuation.resume(throwing: CancellationError())
            return
          }
          continuation.resume(with: Swift.Result { try body() })
        }
      }
    } onCancel: {
      isCancelled.isSet.store(true, ordering: .relaxed)
    }
  }
}
