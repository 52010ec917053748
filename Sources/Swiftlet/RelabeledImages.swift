// RelabeledImages.swift: images whose classes are numbered as a model numbers them.

import SwiftletData
import SwiftletVision

/// Images with their classes by a model's numbers.
struct RelabeledImages<Target: Sendable>: ImageDataset {
  let classes: [String]
  private let base: any ImageDataset<Target>
  private let numbers: [Int]
  private let renumbered: @Sendable (Target, _ numbers: [Int]) -> Target

  /// Renumbers the data's classes.
  ///
  /// - Parameters:
  ///   - matching: the data's classes among the model's. No image has a class that the model does not know.
  ///   - renumbered: the target with the model's numbers in place of the data's.
  init(
    _ base: some ImageDataset<Target>, _ matching: ClassMatching,
    renumbered: @escaping @Sendable (Target, _ numbers: [Int]) -> Target
  ) {
    self.base = base
    self.renumbered = renumbered
    classes = matching.names
    numbers = matching.numbers.map { $0 ?? -1 }
  }

  var count: Int { base.count }
  func name(_ index: Int) -> String { base.name(index) }
  func target(_ index: Int) -> Target { renumbered(base.target(index), numbers) }
  func image(_ index: Int) throws -> RGBImage { try base.image(index) }
}

extension RelabeledImages: Dataset where Target == Int {
  func label(_ index: Int) -> Int { target(index) }
}
