// ClassificationTask.swift: one class for each image.

import SwiftletArchitectures
import SwiftletData

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// One class for each image: cross-entropy of the softmax, top-1 and top-5 accuracy.
public struct ClassificationTask: TrainingTask {
  public static let name = "classification"

  /// Creates the task.
  public init() {}

  public var metrics: [TaskMetric] {
    // With five classes or fewer the right one is always among the first five.
    [TaskMetric("accuracy", title: "top-1"), TaskMetric("top5", title: "top-5", leastClasses: 6)]
  }

  public func encoding(of dataset: any ImageDataset<Int>) -> TargetEncoding { .oneClass(of: dataset) }

  public func loss(of recipe: Recipe) throws -> any Loss { recipe.loss }

  public func accuracy(_ outputs: [UnsafeBufferPointer<Float>], target: Int) -> Double {
    guard let logits = outputs.first, logits.indices.contains(target) else { return 0 }
    let own = logits[target]
    return logits.allSatisfy { $0 <= own } ? 1 : 0
  }

  public func classes(of target: Int) -> [Int] { [target] }

  public func tally(classes: [String]) -> ClassificationTally { ClassificationTally(classes: classes) }

  /// The softmax of the logits, computed in Double.
  public func decode(_ outputs: [[Float]]) -> [Double] {
    ClassRule.one.probabilities(of: outputs.first ?? [])
  }
}

/// Sums of an evaluation of one class for each image.
public struct ClassificationTally: TaskTally {
  private let classes: [String]
  private var count = 0
  private var loss = 0.0
  private var top1 = 0, top5 = 0
  private var confusion: [[Int]]
  private var mistakes: [(index: Int, label: Int, prediction: Int, probability: Double)] = []

  init(classes: [String]) {
    self.classes = classes
    confusion = [[Int]](repeating: [Int](repeating: 0, count: classes.count), count: classes.count)
  }

  public mutating func add(_ outputs: [ArraySlice<Float>], target label: Int, index: Int) {
    let values = (outputs.first ?? []).map(Double.init)
    guard values.indices.contains(label), confusion.indices.contains(label) else { return }
    let largest = values.max() ?? 0
    let sum = values.reduce(0) { $0 + exp($1 - largest) }
    count += 1
    loss += largest + log(sum) - values[label]
    // Of equal logits the lower class comes first.
    let rank = values.indices.count {
      values[$0] > values[label] || (values[$0] == values[label] && $0 < label)
    }
    let prediction = values.firstIndex(of: largest) ?? 0
    top1 += rank == 0 ? 1 : 0
    top5 += rank < 5 ? 1 : 0
    confusion[label][prediction] += 1
    guard prediction != label else { return }
    mistakes.append((index, label, prediction, 1 / sum))
    if mistakes.count >= 4 * Evaluator.mostMistakes { trim() }
  }

  private mutating func trim() {
    mistakes.sort { $0.probability == $1.probability ? $0.index < $1.index : $0.probability > $1.probability }
    mistakes.removeLast(max(0, mistakes.count - Evaluator.mostMistakes))
  }

  public mutating func evaluation(name: (Int) -> String, skipped: [SkippedFile]) -> any TaskEvaluation {
    trim()
    let total = Double(max(count, 1))
    return Evaluation(
      classes: classes, count: count, loss: loss / total, top1: Double(top1) / total,
      top5: Double(top5) / total, confusion: confusion,
      mistakes: mistakes.map {
        Evaluation.Mistake(
          index: $0.index, name: name($0.index), label: $0.label, prediction: $0.prediction,
          probability: $0.probability)
      }, skipped: skipped)
  }
}

extension Evaluation: TaskEvaluation {
  public var accuracy: Double { top1 }
  public var score: Double { top1 }
  public var shownImages: [Int] { mistakes.prefix(EvaluationSections.mostPictures).map(\.index) }
  public var summary: String { "\(Format.fixed(100 * top1, 2)) % of \(Format.grouped(count)) right" }

  public func fill(_ record: inout EpochRecord) {
    record.validationLoss = loss
    record.validationAccuracy = top1
    record.validationTop5 = top5
  }

  private var hasTop5: Bool { classes.count > 5 }

  public var lead: String {
    "it names \(Format.percent(top1, 2)) correctly"
      + (hasTop5 ? ", and has \(Format.percent(top5, 2)) among its first five guesses" : "")
  }

  public var figures: [(name: String, value: String, detail: String)] {
    var figures = [
      ("Top-1", Format.percent(top1, 2), "of \(Format.grouped(count)) images")
    ]
    if hasTop5 { figures.append(("Top-5", Format.percent(top5, 2), "among the first five guesses")) }
    figures.append(("Loss", Format.fixed(loss, 3), "mean cross-entropy"))
    return figures
  }

  public func sections(thumbnails: [Int: RGBImage]) -> [ReportSection] {
    let page = EvaluationSections(evaluation: self, thumbnails: thumbnails)
    return [
      ReportSection(id: "confusion", title: "Confusion", body: page.confusion()),
      ReportSection(id: "classes", title: "Classes", body: page.classes()),
      ReportSection(id: "mistakes", title: "Most confident mistakes", body: page.mistakes()),
    ]
  }
}
