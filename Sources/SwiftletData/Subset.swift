// Subset.swift: some images of a data set.

/// Images of another data set, in an order of their own; the classes stay.
public struct SubsetOf<Target: Sendable>: ImageDataset {
  /// The data set that the images are of.
  public let base: any ImageDataset<Target>
  /// Which they are there.
  public let indices: [Int]

  /// Creates a subset; an index may occur more than once.
  ///
  /// - Throws: ``DatasetError/outside(index:count:)`` where an index is not of the data set.
  public init(_ base: some ImageDataset<Target>, indices: [Int]) throws {
    let count = base.count
    if let index = indices.first(where: { $0 < 0 || $0 >= count }) {
      throw DatasetError.outside(index: index, count: count)
    }
    self.base = base
    self.indices = indices
  }

  public var classes: [String] { base.classes }
  public var count: Int { indices.count }
  public func name(_ index: Int) -> String { base.name(indices[index]) }
  public func target(_ index: Int) -> Target { base.target(indices[index]) }
  public func image(_ index: Int) throws -> RGBImage { try base.image(indices[index]) }
  public func fingerprint(_ index: Int) -> String { base.fingerprint(indices[index]) }
}

extension SubsetOf: Dataset where Target == Int {
  public func label(_ index: Int) -> Int { target(index) }
}

/// Images of one class each out of another data set.
public typealias Subset = SubsetOf<Int>
