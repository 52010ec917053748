// WorkerTeam.swift: the threads behind a pool, and how they start, meet and sleep.

import Synchronization

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Threads that take part in one run at a time.
///
/// `work` and `context` are written by the one caller that holds `busy`, before it publishes a new phase, and read by the workers
/// of that phase after they saw it and before they report that they are done: this makes it safe to share them.
final class WorkerTeam: @unchecked Sendable {
  /// The one that pools of this process share. Its threads live as long as the process.
  static let shared = WorkerTeam()

  private let busy = Atomic<Bool>(false)
  /// The number of runs so far, times 65,536, plus the number of workers of the current one.
  private let phase = Atomic<Int>(0)
  private let done = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private let isStopped = Atomic<Bool>(false)
  /// Arrivals at barriers of the current run. It has a cache line of its own, for all workers look at it while they wait.
  private let paddingBefore = (0, 0, 0, 0, 0, 0, 0, 0)
  private let arrived = Atomic<Int>(0)
  private let paddingAfter = (0, 0, 0, 0, 0, 0, 0, 0)
  /// Threads that were started.
  private let threads = Mutex<Int>(0)
  private var work: ThreadPool.Work?
  private var context: UnsafeMutableRawPointer?
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  /// More workers than any machine has.
  private static let mostWorkers = 0xFFFF
  /// Looks at the phase before a thread goes to sleep: some tens of microseconds.
  private static let spins = 20_000
  /// Looks at the other workers' progress before a waiting worker yields its core.
  private static let patience = 50_000

  init() {
    mutex.initialize(to: pthread_mutex_t())
    wake.initialize(to: pthread_cond_t())
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(wake, nil)
  }

  deinit {
    pthread_cond_destroy(wake)
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
    wake.deallocate()
  }

  /// Lets the threads end. They keep the team alive until they have.
  func stop() {
    isStopped.store(true, ordering: .sequentiallyConsistent)
    phase.add(1 << 16, ordering: .sequentiallyConsistent)
    wakeSleepers()
  }

  /// Starts threads until there are enough for `workers`, the caller of a run included.
  ///
  /// - Returns: the possible number of workers.
  func grow(to workers: Int) -> Int {
    let wanted = min(workers, Self.mostWorkers)
    return threads.withLock { threads in
      while threads < wanted - 1 {
        let worker = threads + 1
        guard DetachedThread.start({ self.serve(worker: worker) }) else { break }
        threads += 1
      }
      return min(wanted, threads + 1)
    }
  }

  /// Starts a run; `false` where another one is under way.
  func begin(_ work: @escaping ThreadPool.Work, _ context: UnsafeMutableRawPointer, workers: Int) -> Bool {
    guard busy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged else {
      return false
    }
    self.work = work
    self.context = context
    done.store(0, ordering: .relaxed)
    arrived.store(0, ordering: .relaxed)
    let runs = phase.load(ordering: .relaxed) >> 16
    phase.store((runs &+ 1) << 16 | workers, ordering: .sequentiallyConsistent)
    wakeSleepers()
    return true
  }

  /// Waits until the other workers of the run are done.
  func finish(workers: Int) {
    wait { self.done.load(ordering: .acquiring) == workers - 1 }
    busy.store(false, ordering: .releasing)
  }

  func meet(_ workers: Int) {
    // No worker arrives at the next barrier before all have arrived at this one.
    let arrival = arrived.add(1, ordering: .acquiringAndReleasing).newValue
    let all = (arrival + workers - 1) / workers * workers
    wait { self.arrived.load(ordering: .acquiring) >= all }
  }

  private func serve(worker: Int) {
    var seen = 0
    while true {
      sleep(until: { self.phase.load(ordering: .acquiring) != seen })
      seen = phase.load(ordering: .acquiring)
      if isStopped.load(ordering: .acquiring) { return }
      // A run of fewer workers leaves this thread out.
      let workers = seen & Self.mostWorkers
      guard worker < workers else { continue }
      if let work, let context { work(context, worker, workers) }
      done.add(1, ordering: .releasing)
    }
  }

  /// Spins for about as long as a large step takes, then yields in between: another process may have taken the core of the worker that
  /// is waited for. Yielding too early costs a whole time slice where the machine is busy.
  @inline(__always)
  private func wait(_ condition: () -> Bool) {
    var spins = 0
    while !condition() {
      spins += 1
      if spins > Self.patience { sched_yield() }
    }
  }

  /// Spins, then sleeps.
  private func sleep(until condition: () -> Bool) {
    for _ in 0..<Self.spins where condition() { return }
    pthread_mutex_lock(mutex)
    sleepers.add(1, ordering: .sequentiallyConsistent)
    while !condition() { pthread_cond_wait(wake, mutex) }
    sleepers.subtract(1, ordering: .sequentiallyConsistent)
    pthread_mutex_unlock(mutex)
  }

  private func wakeSleepers() {
    guard sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return }
    pthread_mutex_lock(mutex)
    pthread_cond_broadcast(wake)
    pthread_mutex_unlock(mutex)
  }
}
