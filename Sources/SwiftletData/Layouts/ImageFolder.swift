// ImageFolder.swift: images in a folder for each class, or with their class in their names.

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Images in one folder for each class; below it they may lie at any depth.
///
/// A folder without such sub-folders may hold files named `<class>_<anything>.jpg`. Classes, and the files of
/// each, are in the order of the bytes of their names. What a file is its contents decide, not its name.
public struct ImageFolder: Dataset {
  private let images: any Dataset

  /// Lists a folder of classes; of a folder with parts, the training part.
  ///
  /// - Throws: ``DatasetError``.
  public init(_ path: String) throws {
    images = try TreeImages.split(FolderTree(path), DatasetOptions(holdOut: 0, seed: 0)).training
  }

  /// Opens a folder with folders for parts (`train`, `val`, `test`, in any usual spelling); without these,
  /// a folder of classes, of which a share is held out.
  ///
  /// - Parameters:
  ///   - path: the folder.
  ///   - holdOut: the share of each class that is held out where nothing else is for validation; 0 for none.
  ///   - seed: decides which those are.
  /// - Throws: ``DatasetError``.
  public static func split(_ path: String, holdOut: Double = 0.1, seed: UInt64) throws -> DatasetSplit {
    try TreeImages.split(FolderTree(path), DatasetOptions(holdOut: holdOut, seed: seed))
  }

  public var classes: [String] { images.classes }
  public var count: Int { images.count }
  public func name(_ index: Int) -> String { images.name(index) }
  public func label(_ index: Int) -> Int { images.label(index) }
  public func image(_ index: Int) throws -> RGBImage { try images.image(index) }
  public func fingerprint(_ index: Int) -> String { images.fingerprint(index) }

  /// A name within a data set, and the size of a file; 0 bytes where it cannot be read.
  static func fingerprint(_ name: String, file: String) -> String {
    var status = stat()
    let bytes = stat(file, &status) == 0 ? Int(status.st_size) : 0
    return "\(name.drop { $0 == "/" }) \(bytes)"
  }

  static func join(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
  }
}
