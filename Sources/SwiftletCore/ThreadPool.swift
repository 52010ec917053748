// ThreadPool.swift: a few threads that spin briefly between runs, then sleep.

import Synchronization

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A fixed team of threads for work that takes micro- to milliseconds.
///
/// A run is one function that every member executes with its own part number; members meet at ``barrier(parts:)``. Between
/// runs members spin for some microseconds, then sleep, so that an idle pool costs nothing. A run neither allocates nor, while
/// members are awake, locks.
public final class ThreadPool: Sendable {
  /// What members execute: a context, the member's part, and the number of parts.
  public typealias Work = @convention(c) (UnsafeMutableRawPointer, Int, Int) -> Void

  /// Members, the caller of ``run(_:_:)`` included.
  public let count: Int
  private let team: Team

  /// Starts `count − 1` threads, or as many as the system gives; the caller of a run is the first member.
  public init(count: Int) {
    let team = Team()
    var members = 1
    while members < count, team.start(part: members) { members += 1 }
    self.team = team
    self.count = members
  }

  deinit { team.stop() }

  /// Executes `work` on all members and returns when all are done. If another run is under way (sessions on several threads share
  /// a pool), the caller does everything alone, as the only part.
  public func run(_ work: Work, _ context: UnsafeMutableRawPointer) {
    guard count > 1, team.busy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
    else {
      work(context, 0, 1)
      return
    }
    team.begin(work, context, parts: count)
    work(context, 0, count)
    team.finish(members: count - 1)
    team.busy.store(false, ordering: .releasing)
  }

  /// Waits until all parts of the current run are here. What they wrote before is visible to all afterwards.
  public func barrier(parts: Int) {
    if parts > 1 { team.meet(parts) }
  }
}

/// What the members share. Threads keep it alive; the pool does not keep them.
///
/// `work`, `context` and `parts` are written by the one caller that holds `busy`, before it publishes a new generation, and read by members
/// after they saw it: that is what makes it safe to share.
private final class Team: @unchecked Sendable {
  let busy = Atomic<Bool>(false)
  private let generation = Atomic<Int>(0)
  private let done = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private let stopping = Atomic<Bool>(false)
  /// Arrivals at barriers, ever. It has a cache line of its own, for all members look at it while they wait.
  private let apart = (0, 0, 0, 0, 0, 0, 0, 0)
  private let arrived = Atomic<Int>(0)
  private let apartBehind = (0, 0, 0, 0, 0, 0, 0, 0)
  private var parts = 1
  private var work: ThreadPool.Work?
  private var context: UnsafeMutableRawPointer?
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  /// Looks at the generation before a member goes to sleep: some tens of microseconds.
  private static let spins = 20_000
  /// Looks at what others have done before a member that waits for them gives way.
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

  /// Starts a thread; `false` where the system gives none.
  func start(part: Int) -> Bool {
    DetachedThread.start { self.serve(part: part) }
  }

  func begin(_ work: @escaping ThreadPool.Work, _ context: UnsafeMutableRawPointer, parts: Int) {
    self.parts = parts
    self.work = work
    self.context = context
    done.store(0, ordering: .relaxed)
    generation.add(1, ordering: .sequentiallyConsistent)
    wakeSleepers()
  }

  func finish(members: Int) { wait { self.done.load(ordering: .acquiring) == members } }

  func stop() {
    stopping.store(true, ordering: .sequentiallyConsistent)
    generation.add(1, ordering: .sequentiallyConsistent)
    wakeSleepers()
  }

  func meet(_ parts: Int) {
    // Nobody arrives at the next meeting before all have arrived at this one.
    let arrival = arrived.add(1, ordering: .acquiringAndReleasing).newValue
    let all = (arrival + parts - 1) / parts * parts
    wait { self.arrived.load(ordering: .acquiring) >= all }
  }

  private func serve(part: Int) {
    var seen = 0
    while true {
      sleep(until: { self.generation.load(ordering: .acquiring) != seen })
      seen = generation.load(ordering: .acquiring)
      if stopping.load(ordering: .acquiring) { return }
      if let work, let context { work(context, part, parts) }
      done.add(1, ordering: .releasing)
    }
  }

  /// Spins for about as long as a large step takes, then lets other threads run in between: another process may have taken the
  /// core that is waited for. Giving way too early costs a whole time slice where the machine is busy.
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
