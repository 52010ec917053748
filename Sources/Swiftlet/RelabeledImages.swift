// RelabeledImages.swift: images whose classes are numbered as a model numbers them.

import SwiftletData
import SwiftletVision

/// A data set whose classes are not the model's.
public struct EvaluationError: Error, Equatable, CustomStringConvertible {
  public let description: String
}

/// Images with their classes by a model's numbers.
struct RelabeledImages<Target: Sendable>: ImageDataset {
  let classes: [String]
  private let base: any ImageDataset<Target>
  private let numbers: [Int]
  private let renumbered: @Sendable (Target, _ numbers: [Int]) -> Target

  /// Finds the data's classes among a model's labels by name; without labels they are taken in order.
  ///
  /// - Parameters:
  ///   - labels: the model's.
  ///   - count: the model's classes.
  ///   - renumbered: the target with the model's numbers in place of the data's.
  /// - Throws: ``EvaluationError`` where a class is unknown to the model, or the numbers of classes differ.
  init(
    _ base: some ImageDataset<Target>, labels: [String], classes count: Int,
    renumbered: @escaping @Sendable (Target, _ numbers: [Int]) -> Target
  ) throws {
    self.base = base
    self.renumbered = renumbered
    guard labels.count == count, labels != base.classes else {
      guard base.classes.count == count else {
        throw EvaluationError(
          description:
            "the data have \(base.classes.count) classes, the model has \(count) and no names for them")
      }
      classes = base.classes
      numbers = Array(0..<count)
      return
    }
    classes = labels
    let known = Dictionary(zip(labels, 0...)) { first, _ in first }
    numbers = try base.classes.map { name in
      guard let number = known[name] else {
        let some = labels.prefix(4).joined(separator: ", ") + (count > 4 ? ", …" : "")
        throw EvaluationError(
          description: "the data's class '\(name)' is not one of the model's \(count) classes: \(some)")
      }
      return number
    }
  }

  var count: Int { base.count }
  func name(_ index: Int) -> String { base.name(index) }
  func target(_ index: Int) -> Target { renumbered(base.target(index), numbers) }
  func image(_ index: Int) throws -> RGBImage { try base.image(index) }
}

extension RelabeledImages: Dataset where Target == Int {
  func label(_ index: Int) -> Int { target(index) }
}
