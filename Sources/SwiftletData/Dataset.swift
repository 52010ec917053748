// Dataset.swift: what a set of labelled photographs is.

@_exported import SwiftletVision

/// Photographs with classes, in a fixed order. A data set of your own is one struct that conforms.
public protocol Dataset: Sendable {
  /// The names of the classes.
  var classes: [String] { get }
  /// How many photographs there are.
  var count: Int { get }
  /// What reports call a photograph: a path, or an entry of an archive.
  func name(_ index: Int) -> String
  /// The class of a photograph, an index into ``classes``.
  func label(_ index: Int) -> Int
  /// Decodes a photograph. May be called from several threads at once.
  ///
  /// - Throws: ``VisionError`` and the like, naming the file, where it is broken.
  func image(_ index: Int) throws -> Image
}
