// ThreadPool.swift: a few threads that spin briefly between runs, then sleep.

import Synchronization

/// A number of workers for work that takes micro- to milliseconds.
///
/// A run is one function that every worker executes with its own number; workers meet at ``barrier(parts:)``. Between runs threads
/// spin for some microseconds, then sleep, so that an idle pool costs nothing. A run neither allocates nor, while threads are awake,
/// locks.
package final class ThreadPool: Sendable {
  /// The function that workers execute: a context, the worker's number, and the number of workers.
  package typealias Work = @convention(c) (UnsafeMutableRawPointer, Int, Int) -> Void

  /// Workers, the caller of ``run(_:_:)`` included.
  package let count: Int
  private let team: WorkerTeam
  private let isShared: Bool

  /// Prepares for `count` workers, or as many as the system gives threads for; the caller of a run is the first one.
  ///
  /// - Parameter isShared: whether the threads are those of all shared pools of this process, of which there are as many as the
  ///   largest pool needs: many models then need no more threads than one.
  package init(count: Int, isShared: Bool = false) {
    self.isShared = isShared
    team = isShared ? .shared : WorkerTeam()
    self.count = team.grow(to: max(count, 1))
  }

  deinit {
    if !isShared { team.stop() }
  }

  /// Executes `work` on all workers and returns when all are done. If the threads are busy with another run, the caller does everything
  /// alone, as the only worker.
  package func run(_ work: Work, _ context: UnsafeMutableRawPointer) {
    guard count > 1, team.begin(work, context, workers: count) else {
      work(context, 0, 1)
      return
    }
    work(context, 0, count)
    team.finish(workers: count)
  }

  /// Waits until all workers of the current run are here. Their earlier writes are visible to all afterwards.
  package func barrier(parts: Int) {
    if parts > 1 { team.meet(parts) }
  }
}
