// Subset.swift: some images of a data set.

/// Images of another data set, in an order of their own; the classes stay.
package struct SubsetOf<Target: Sendable>: ImageDataset {
  /// The data set that the images are of.
  package let base: any ImageDataset<Target>
  /// The images' indices in that data set.
  package let indices: [Int]

  /// Creates a subset; an index may occur more than once.
  ///
  /// - Throws: ``DatasetError/outside(index:count:)`` where an index is not of the data set.
  package init(_ base: some ImageDataset<Target>, indices: [Int]) throws {
    let count = base.count
    if let index = indices.first(where: { $0 < 0 || $0 >= count }) {
      throw DatasetError.outside(index: index, count: count)
    }
    self.base = base
    self.indices = indices
  }

  package var classes: [String] { base.classes }
  package var count: Int { indices.count }
  package func name(_ index: Int) -> String { base.name(indices[index]) }
  package func target(_ index: Int) -> Target { base.target(indices[index]) }
  package func image(_ index: Int) throws -> RGBImage { try base.image(indices[index]) }
  package func fingerprint(_ index: Int) -> String { base.fingerprint(indices[index]) }
}

extension SubsetOf: Dataset where Target == Int {
  package func label(_ index: Int) -> Int { target(index) }
}

/// Images of one class each out of another data set.
package typealias Subset = SubsetOf<Int>
