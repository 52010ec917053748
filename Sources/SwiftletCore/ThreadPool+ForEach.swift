// ThreadPool+ForEach.swift: many independent pieces of work of unequal size, for one-time work: reading, folding, packing.

import Synchronization

extension ThreadPool {
  /// The state that the members share in ``forEach(_:_:)``.
  private final class Pieces: Sendable {
    let next = Atomic<Int>(0)
    let count: Int
    let body: @Sendable (Int) -> Void

    init(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) { (self.count, self.body) = (count, body) }
  }

  /// Calls `body` once with each index below `count`, on all members; returns when all calls have.
  package func forEach(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let pieces = Pieces(count, body)
    run(
      { context, _, _ in
        let pieces = Unmanaged<Pieces>.fromOpaque(context).takeUnretainedValue()
        while true {
          let index = pieces.next.add(1, ordering: .relaxed).oldValue
          if index >= pieces.count { return }
          pieces.body(index)
        }
      }, Unmanaged.passUnretained(pieces).toOpaque())
    withExtendedLifetime(pieces) {}
  }

  /// The results of `body` for each index below `count`, in order, computed on a few threads.
  ///
  /// - Throws: the error of the first index that failed.
  package static func map<Result: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Int) throws -> Result
  ) throws -> [Result] {
    try ThreadPool(count: max(1, min(4, AvailableProcessors.count, count)), isShared: true).map(count, body)
  }

  /// The results of `body` for each index below `count`, in order, computed by the pool's workers.
  ///
  /// - Throws: the error of the first index that failed.
  package func map<Result: Sendable>(
    _ count: Int, _ body: @escaping @Sendable (Int) throws -> Result
  ) throws -> [Result] {
    let results = Mutex<[Swift.Result<Result, any Error>?]>(.init(repeating: nil, count: count))
    forEach(count) { index in
      let result = Swift.Result { try body(index) }
      results.withLock { $0[index] = result }
    }
    return try results.withLock { try $0.compactMap { try $0?.get() } }
  }
}
