// Dataset.swift: the protocols of data sets.

@_exported import SwiftletVision

/// Images with a target each, in a fixed order. A data set of your own is one struct that conforms.
///
/// The target of an image is its class (``Dataset``), the classes that are on it (`[Int]`), or any type that a task of
/// your own takes.
public protocol ImageDataset<Target>: Sendable {
  /// The type of an image's target.
  associatedtype Target: Sendable
  /// The names of the classes.
  var classes: [String] { get }
  /// The number of images.
  var count: Int { get }
  /// The name of an image in reports: a path, or an entry of an archive.
  func name(_ index: Int) -> String
  /// The target of an image.
  func target(_ index: Int) -> Target
  /// Decodes an image. May be called from several threads at once.
  ///
  /// - Throws: ``VisionError`` and the like, naming the file, where it is broken.
  func image(_ index: Int) throws -> RGBImage
  /// Identifies an image without decoding it, such as by its name below the data set's root and its file's size.
  ///
  /// A run can be resumed only with images of the same fingerprints. The default is ``name(_:)``, which distinguishes other
  /// names, but not other images of the same names.
  func fingerprint(_ index: Int) -> String
}

extension ImageDataset {
  public func fingerprint(_ index: Int) -> String { name(index) }
}

/// Images of one class each.
public protocol Dataset: ImageDataset where Target == Int {
  /// The class of an image, an index into ``ImageDataset/classes``.
  func label(_ index: Int) -> Int
}

extension Dataset {
  public func target(_ index: Int) -> Int { label(index) }
}
