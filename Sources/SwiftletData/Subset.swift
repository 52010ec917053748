// Subset.swift: some photographs of a data set.

/// Photographs of another data set, in an order of their own; the classes stay.
public struct Subset: Dataset {
  /// The data set that the photographs are of.
  public let base: any Dataset
  /// Which they are there.
  public let indices: [Int]

  /// Creates a subset; an index may occur more than once.
  ///
  /// - Throws: ``DatasetError/outside(index:count:)`` where an index is not of the data set.
  public init(_ base: any Dataset, indices: [Int]) throws {
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
  public func label(_ index: Int) -> Int { base.label(indices[index]) }
  public func image(_ index: Int) throws -> Image { try base.image(indices[index]) }
}
