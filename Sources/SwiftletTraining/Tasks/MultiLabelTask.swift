// MultiLabelTask.swift: any number of classes for each image.

import SwiftletArchitectures
import SwiftletData

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Any number of classes for each image: cross-entropy of a sigmoid for each class, mean average precision, F1 at a
/// threshold. The best epoch is the one with the highest mean average precision.
public struct MultiLabelTask: TrainingTask {
  public static let name = "multiLabel"
  /// The probability from which on a class counts as found.
  public var threshold: Double

  /// Creates the task.
  public init(threshold: Double = 0.5) { self.threshold = threshold }

  public var metrics: [TaskMetric] {
    [
      TaskMetric("map", title: "mAP"), TaskMetric("f1_micro", title: "micro F1"),
      TaskMetric("f1_macro", title: "macro F1"),
    ]
  }

  public func encoding(of dataset: any ImageDataset<[Int]>) -> TargetEncoding { .manyClasses(of: dataset) }

  /// - Throws: ``TrainingError/badRecipe(_:)`` where the recipe distills: a softmax has one class for each image.
  public func loss(of recipe: Recipe) throws -> any Loss {
    guard recipe.distillation == nil else {
      throw TrainingError.badRecipe("a teacher's answers are for one class for each image, not for several")
    }
    return SigmoidCrossEntropyLoss(smoothing: recipe.labelSmoothing)
  }

  /// The share of classes whose presence is decided right.
  public func accuracy(_ outputs: [UnsafeBufferPointer<Float>], target: [Int]) -> Double {
    guard let logits = outputs.first, !logits.isEmpty else { return 0 }
    let right = logits.indices.count { isFound(logits[$0]) == target.contains($0) }
    return Double(right) / Double(logits.count)
  }

  public func classes(of target: [Int]) -> [Int] { target }

  public func tally(classes: [String]) -> MultiLabelTally { MultiLabelTally(classes: classes, task: self) }

  /// The sigmoid of each logit, computed in Double: a probability for each class.
  public func decode(_ outputs: [[Float]]) -> [Double] {
    ClassRule.any(threshold: threshold).probabilities(of: outputs.first ?? [])
  }

  func isFound(_ logit: Float) -> Bool { ClassRule.sigmoid(logit) >= threshold }
}

/// Cross-entropy of a sigmoid for each class, the mean over images and classes; targets may be soft.
public struct SigmoidCrossEntropyLoss: Loss {
  /// ε of label smoothing: targets become (1 − ε) · target + ε / 2.
  public var smoothing: Double

  /// Creates a loss.
  public init(smoothing: Double = 0) { self.smoothing = smoothing }

  public func emit(
    logits: Value, targets: Value, teacher: Value?, in graph: inout GraphBuilder
  ) throws -> Value {
    try graph.apply(SigmoidCrossEntropy(smoothing: smoothing), logits, targets, label: PortName.loss)
  }
}

/// Logits and targets of an evaluation of several classes for each image.
public struct MultiLabelTally: TaskTally {
  private let classes: [String]
  private let task: MultiLabelTask
  private var loss = 0.0
  private var right = 0
  private var indices: [Int] = []
  /// `[image][class]`.
  private var logits: [Float] = []
  private var isPresent: [Bool] = []

  init(classes: [String], task: MultiLabelTask) {
    self.classes = classes
    self.task = task
  }

  public mutating func add(_ outputs: [ArraySlice<Float>], target: [Int], index: Int) {
    guard let row = outputs.first, row.count == classes.count else { return }
    var present = [Bool](repeating: false, count: classes.count)
    for label in target where present.indices.contains(label) { present[label] = true }
    for (z, isPresent) in zip(row, present) {
      let z = Double(z)
      loss += max(z, 0) - (isPresent ? z : 0) + log(1 + exp(-abs(z)))
    }
    right += zip(row, present).reduce(0) { $0 + (task.isFound($1.0) == $1.1 ? 1 : 0) }
    indices.append(index)
    logits += row
    isPresent += present
  }

  public mutating func evaluation(name: (Int) -> String, skipped: [SkippedFile]) -> any TaskEvaluation {
    let width = max(classes.count, 1)
    let perClass = classes.indices.map { label -> MultiLabelEvaluation.ClassResult in
      let column = indices.indices.map { (logits[$0 * width + label], isPresent[$0 * width + label]) }
      return MultiLabelEvaluation.ClassResult(
        name: classes[label], decisions: column.map { (task.isFound($0.0), $0.1) },
        averagePrecision: AveragePrecision.of(scores: column.map(\.0), isPresent: column.map(\.1)))
    }
    return MultiLabelEvaluation(
      classes: classes, count: indices.count, loss: loss / Double(max(logits.count, 1)),
      accuracy: Double(right) / Double(max(logits.count, 1)), threshold: task.threshold,
      perClass: perClass, misses: misses(name, width), skipped: skipped)
  }

  /// The wrong decisions, the most confident first.
  private func misses(_ name: (Int) -> String, _ width: Int) -> [MultiLabelEvaluation.Miss] {
    let wrong = logits.indices.filter { task.isFound(logits[$0]) != isPresent[$0] }
    func confidence(_ position: Int) -> Float { isPresent[position] ? -logits[position] : logits[position] }
    let worst = wrong.sorted {
      confidence($0) == confidence($1) ? $0 < $1 : confidence($0) > confidence($1)
    }
    return worst.prefix(Evaluator.mostMistakes).map { position in
      let index = indices[position / width]
      return MultiLabelEvaluation.Miss(
        index: index, name: name(index), label: position % width, isPresent: isPresent[position],
        probability: ClassRule.sigmoid(logits[position]))
    }
  }
}

/// Average precision: the area under the curve of precision over recall, as steps.
package enum AveragePrecision {
  /// Σ (Rₙ − Rₙ₋₁) · Pₙ over the distinct scores from the highest to the lowest, where Pₙ and Rₙ are precision and recall
  /// of everything that scores at least that much. (Equal scores are one step; scikit-learn's `average_precision_score`.)
  ///
  /// - Returns: `nil` where nothing is present: there is no recall.
  package static func of(scores: [Float], isPresent: [Bool]) -> Double? {
    let positives = isPresent.count { $0 }
    guard positives > 0 else { return nil }
    let order = scores.indices.sorted { scores[$0] > scores[$1] }
    var (found, before, sum) = (0, 0, 0.0)
    for (rank, position) in order.enumerated() {
      found += isPresent[position] ? 1 : 0
      let isLastOfStep = rank + 1 == order.count || scores[order[rank + 1]] != scores[position]
      guard isLastOfStep else { continue }
      sum += Double(found - before) * Double(found) / Double(rank + 1)
      before = found
    }
    return sum / Double(positives)
  }
}
