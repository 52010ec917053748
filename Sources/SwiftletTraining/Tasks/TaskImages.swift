// TaskImages.swift: a data set together with the task that takes its targets: types are checked once, here.

import SwiftletData

/// Images with targets of the task's type: the input of the trainer and the evaluator, with the type erased.
struct TaskImages: Sendable {
  /// The images.
  let images: any ImageDataset
  /// The encoding of their targets as tensors.
  let encoding: TargetEncoding
  /// The sum over a batch's images of the share of right decisions.
  let accuracy: @Sendable (_ outputs: [UnsafeBufferPointer<Float>], _ batch: Batch) -> Double
  /// The classes of an image in statistics by class.
  let classes: @Sendable (_ index: Int) -> [Int]
  /// A tally that is fed by index.
  let tally: @Sendable () -> any IndexedTally

  /// - Throws: ``TrainingError/wrongTargets(task:wanted:got:)`` where the data set has targets of another type.
  init(_ task: any TrainingTask, _ images: any ImageDataset) throws {
    self = try Self.opened(task, images)
  }

  private static func opened<T: TrainingTask>(_ task: T, _ images: any ImageDataset) throws -> TaskImages {
    guard let typed = images as? any ImageDataset<T.Target> else {
      throw TrainingError.wrongTargets(
        task: T.name, wanted: "\(T.Target.self)", got: "\(targetType(images))")
    }
    return TaskImages(task, typed: typed)
  }

  private init<T: TrainingTask>(_ task: T, typed images: any ImageDataset<T.Target>) {
    self.images = images
    encoding = task.encoding(of: images)
    classes = { task.classes(of: images.target($0)) }
    tally = { TypedTally(tally: task.tally(classes: images.classes), images: images) }
    accuracy = { outputs, batch in
      batch.indices.enumerated().reduce(0) { sum, image in
        let own = outputs.map { output in
          let size = output.count / batch.count
          return UnsafeBufferPointer(rebasing: output[(image.offset * size)..<((image.offset + 1) * size)])
        }
        return sum + task.accuracy(own, target: images.target(image.element))
      }
    }
  }

  private static func targetType<D: ImageDataset>(_ dataset: D) -> Any.Type { D.Target.self }

  /// The same with all images in memory where they are small and few enough, going by the first of them.
  func cached(atMost bytes: Int, threads: Int, for task: any TrainingTask) throws -> TaskImages {
    let sample = (0..<min(images.count, 16)).compactMap { try? images.image($0).pixels.count }
    guard !sample.isEmpty else { return self }
    let estimate = sample.reduce(0, +) / sample.count * images.count
    guard estimate <= bytes else { return self }
    func cached<D: ImageDataset>(_ dataset: D) -> (any ImageDataset)? {
      CachedImages<D.Target>(dataset, atMost: bytes, threads: threads)
    }
    return try cached(images).map { try TaskImages(task, $0) } ?? self
  }
}

/// A tally that is fed by index.
protocol IndexedTally {
  mutating func add(_ outputs: [ArraySlice<Float>], index: Int)
  mutating func evaluation(skipped: [SkippedFile]) -> any TaskEvaluation
}

private struct TypedTally<Tally: TaskTally>: IndexedTally where Tally.Target: Sendable {
  var tally: Tally
  let images: any ImageDataset<Tally.Target>

  mutating func add(_ outputs: [ArraySlice<Float>], index: Int) {
    tally.add(outputs, target: images.target(index), index: index)
  }

  mutating func evaluation(skipped: [SkippedFile]) -> any TaskEvaluation {
    let images = images
    return tally.evaluation(name: { images.name($0) }, skipped: skipped)
  }
}
