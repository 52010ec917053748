// ClassWeights.swift: weights of classes in the loss, for data whose classes have different numbers of images.

import SwiftletData

/// Weights of classes.
package enum ClassWeights {
  /// N / (C · the class's images) for each class, where C counts the classes that have images: the mean over all images is 1.
  ///
  /// - Throws: ``TrainingError/badRecipe(_:)`` where an image may have several classes.
  static func balanced(_ data: TaskImages, for task: any TrainingTask) throws -> [Float] {
    guard task is ClassificationTask else {
      throw TrainingError.badRecipe(
        "class weights are for one class an image, not for the task \(type(of: task).name)")
    }
    return balanced(classes: data.images.classes.count, labels: (0..<data.images.count).flatMap(data.classes))
  }

  /// The same from the labels of all images.
  package static func balanced(classes: Int, labels: [Int]) -> [Float] {
    var counts = [Int](repeating: 0, count: classes)
    for label in labels where counts.indices.contains(label) { counts[label] += 1 }
    let present = counts.count { $0 > 0 }
    return counts.map { Float(labels.count) / Float(max(present, 1) * max($0, 1)) }
  }
}
