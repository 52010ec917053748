// BatchLoader.swift: the batches of an epoch, made on threads of their own while the one before is trained on.

import Dispatch
import SwiftletCore
import Synchronization

/// The batches of one epoch, in order, made by threads of their own while the caller uses earlier ones.
///
/// The contents of a batch are a function of the data set, the seed, the epoch and the batch's number. They depend neither on the number
/// of threads nor on where the epoch was started. Threads that have nothing to do sleep. They end with the epoch, or when the
/// loader is gone.
///
/// A broken file is reported in ``skipped``; in its place is the image nearest after it in the epoch's order that can be read.
package final class BatchLoader: Sendable {
  private let line: AssemblyLine
  /// One caller at a time takes a batch; the number is that of the next.
  private let taken: Mutex<Taken>

  private struct Taken {
    var next: Int
    var waiting: Duration = .zero
    var skipped: [Int: SkippedFile] = [:]
  }

  /// Starts to make batches.
  ///
  /// An error in the arguments is thrown by the first ``next()``.
  ///
  /// - Parameters:
  ///   - dataset: the images.
  ///   - preprocessing: the preprocessing of the network.
  ///   - augmentation: the augmentations of each, see ``Preprocessing/augmented(_:by:using:)``; none for evaluation.
  ///   - mixing: the mixing of a batch's images; `nil` for none.
  ///   - batch: images in a batch; the last may have fewer.
  ///   - seed: the seed of the run.
  ///   - epoch: the epoch's number; each has another order and other random numbers.
  ///   - startBatch: the batch to begin with, to resume within an epoch.
  ///   - shuffles: whether the order is random; otherwise it is the data set's.
  ///   - dropsLast: whether a last batch with fewer images is left out.
  ///   - threads: the number of threads that make batches.
  ///   - prefetch: the number of batches that may be ready or in the making; at least as many as there are threads.
  package convenience init(
    _ dataset: any Dataset, preprocessing: Preprocessing, augmentation: [Augmentation] = [],
    mixing: Mixing? = nil, batch: Int, seed: UInt64, epoch: Int, startBatch: Int = 0, shuffles: Bool,
    dropsLast: Bool, threads: Int = 2, prefetch: Int = 3
  ) {
    self.init(
      dataset, targets: .oneClass(of: dataset), preprocessing: preprocessing, augmentation: augmentation,
      mixing: mixing, batch: batch, seed: seed, epoch: epoch, startBatch: startBatch, shuffles: shuffles,
      dropsLast: dropsLast, threads: threads, prefetch: prefetch)
  }

  /// Starts to make batches of images with any targets.
  ///
  /// - Parameters:
  ///   - dataset: the images.
  ///   - targets: the encoding of their targets as tensors.
  ///   - preprocessing: the preprocessing of the network; the other arguments are those of
  ///     ``init(_:preprocessing:augmentation:mixing:batch:seed:epoch:startBatch:shuffles:dropsLast:threads:prefetch:)``.
  package init(
    _ dataset: any ImageDataset, targets: TargetEncoding, preprocessing: Preprocessing,
    augmentation: [Augmentation] = [], mixing: Mixing? = nil, batch: Int, seed: UInt64, epoch: Int,
    startBatch: Int = 0, shuffles: Bool, dropsLast: Bool, threads: Int = 2, prefetch: Int = 3
  ) {
    let maker = Result {
      try BatchMaker(
        dataset, targets: targets, preprocessing: preprocessing, augmentation: augmentation, mixing: mixing,
        batch: batch,
        seed: seed, epoch: epoch, shuffles: shuffles, dropsLast: dropsLast)
    }
    let first = max(0, startBatch)
    taken = Mutex(Taken(next: first))
    // More than an epoch has, or a machine, is of no use.
    let batches = max(1, (try? maker.get().count) ?? 1)
    let threads = max(1, min(threads, batches, 256))
    line = AssemblyLine(maker, first: first, prefetch: max(threads, min(prefetch, batches)))
    line.start(threads: threads)
  }

  deinit { line.stop() }

  /// The number of batches of the whole epoch, those before `startBatch` included; 0 where the arguments are wrong.
  package var batchCount: Int { (try? line.maker.get().count) ?? 0 }

  /// The next batch, when it is ready; `nil` after the last.
  ///
  /// - Throws: ``DatasetError`` where the batch is too large for the data set or nothing can be read,
  ///   ``VisionError/preprocessing(reason:)`` where numbers make no sense; then again for every later call.
  package func next() throws -> Batch? {
    try taken.withLock { taken in
      let start = ContinuousClock.now
      let made = try line.take(taken.next)
      taken.waiting += ContinuousClock.now - start
      guard let made else { return nil }
      taken.next += 1
      taken.skipped.merge(made.broken) { first, _ in first }
      return made.batch
    }
  }

  /// The total time for which ``next()`` has blocked, in seconds.
  package var waitingSeconds: Double { taken.withLock { $0.waiting.inSeconds } }

  /// The broken files that were met in the batches taken so far, each once, in the data set's order.
  package var skipped: [SkippedFile] {
    taken.withLock { $0.skipped.sorted { $0.key < $1.key }.map(\.value) }
  }
}

/// The state that the loader and its threads share. Threads keep it alive, but not the loader.
private final class AssemblyLine: Sendable {
  let maker: Result<BatchMaker, any Error>
  private let prefetch: Int
  private let state: Mutex<State>
  /// Counts the batches that may still be begun: each is a permit that taking a batch gives back.
  private let permits = DispatchSemaphore(value: 0)
  /// Counts the batches that are finished, taken or not.
  private let finished = DispatchSemaphore(value: 0)

  private struct State {
    /// The next batch to begin.
    var next: Int
    var ready: [Int: Result<BatchMaker.Made, any Error>] = [:]
    /// Threads that were started.
    var threads = 0
    var isStopped = false
  }

  init(_ maker: Result<BatchMaker, any Error>, first: Int, prefetch: Int) {
    self.maker = maker
    self.prefetch = prefetch
    state = Mutex(State(next: first))
  }

  func start(threads: Int) {
    guard case .success = maker else { return }
    // Semaphores begin at 0 and are raised: libdispatch ends the process where one is freed below its first value.
    for _ in 0..<prefetch { permits.signal() }
    for _ in 0..<threads where DetachedThread.start(work) { state.withLock { $0.threads += 1 } }
  }

  func stop() {
    state.withLock { $0.isStopped = true }
    permits.signal()
  }

  /// Waits for a batch; the one caller takes them in order.
  func take(_ number: Int) throws -> BatchMaker.Made? {
    let maker = try maker.get()
    guard number < maker.count else { return nil }
    guard state.withLock({ $0.threads > 0 }) else { throw DatasetError.noThread }
    while true {
      // A failure stays, and is thrown again.
      let found = state.withLock { state -> Result<BatchMaker.Made, any Error>? in
        if case .success? = state.ready[number] { return state.ready.removeValue(forKey: number) }
        return state.ready[number]
      }
      if let found {
        let made = try found.get()
        permits.signal()
        return made
      }
      // Batches may finish out of order; each that does wakes us once.
      finished.wait()
    }
  }

  private func work() {
    guard case .success(let maker) = maker else { return }
    while true {
      permits.wait()
      let number = state.withLock { state -> Int? in
        guard !state.isStopped, state.next < maker.count else { return nil }
        state.next += 1
        return state.next - 1
      }
      guard let number else {
        // The next thread, too, is to see that there is nothing more to do.
        permits.signal()
        return
      }
      let made = Result { try maker.make(number) }
      state.withLock { $0.ready[number] = made }
      finished.signal()
    }
  }
}
