// CIFARBinary.swift: CIFAR-10 and CIFAR-100 in their original binary files.
// (Krizhevsky, "Learning multiple layers of features from tiny images", 2009; the format is described on the data sets' page.)

import SwiftletCore
import SwiftletFormats

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Images of 32×32 pixels from CIFAR's binary files.
///
/// A record is one byte of label (CIFAR-100: the coarse, then the fine one, which is used) and the red, green and blue planes.
package struct CIFARBinary: Dataset {
  /// One of the two data sets.
  package enum Variety: Sendable {
    case cifar10, cifar100

    fileprivate var labelBytes: Int { self == .cifar10 ? 1 : 2 }
    fileprivate var classCount: Int { self == .cifar10 ? 10 : 100 }
    fileprivate var nameFile: String { self == .cifar10 ? "batches.meta.txt" : "fine_label_names.txt" }
    fileprivate var trainingFiles: [String] {
      self == .cifar10 ? (1...5).map { "data_batch_\($0).bin" } : ["train.bin"]
    }
    fileprivate var testFile: String { self == .cifar10 ? "test_batch.bin" : "test.bin" }
    /// The folder in the published archives.
    fileprivate var folder: String { self == .cifar10 ? "cifar-10-batches-bin" : "cifar-100-binary" }
    fileprivate var recordBytes: Int { labelBytes + 3 * CIFARBinary.planeBytes }
  }

  private static let side = 32
  private static let planeBytes = 32 * 32

  package let classes: [String]
  package let count: Int
  private let variety: Variety
  /// The files, with the number of records before each.
  private let files: [(file: MappedFile, first: Int)]

  /// Opens some of the files.
  ///
  /// - Parameters:
  ///   - paths: files of whole records.
  ///   - variety: the data set of the files.
  ///   - classes: the names of the 10 or 100 classes.
  /// - Throws: ``DatasetError`` where a size, a label or the number of names is wrong; ``FormatError`` where a file cannot be read.
  package init(files paths: [String], variety: Variety, classes: [String]) throws {
    var files: [(MappedFile, Int)] = []
    var count = 0
    for path in paths {
      guard access(path, F_OK) == 0 else { throw DatasetError.missing(path: path) }
      let file = try MappedFile(contentsOf: path)
      guard file.byteCount % variety.recordBytes == 0 else {
        throw DatasetError.recordSize(path: path, bytes: file.byteCount, recordBytes: variety.recordBytes)
      }
      let records = file.byteCount / variety.recordBytes
      try file.storage.withUnsafeBytes { bytes in
        for record in 0..<records {
          let label = bytes[record * variety.recordBytes + variety.labelBytes - 1]
          guard label < variety.classCount else {
            throw DatasetError.malformed(
              path: path, reason: "record \(record) has label \(label), not one below \(variety.classCount)")
          }
        }
      }
      files.append((file, count))
      count += records
    }
    guard count > 0 else { throw DatasetError.noImages(path: paths.first ?? "CIFAR") }
    guard classes.count == variety.classCount else {
      throw DatasetError.malformed(
        path: paths.first ?? "CIFAR", reason: "\(classes.count) class names, not \(variety.classCount)")
    }
    self.files = files
    self.count = count
    self.variety = variety
    self.classes = classes
  }

  /// Opens a folder with the files of CIFAR-10 or CIFAR-100, or the folder above it.
  ///
  /// - Parameters:
  ///   - path: the folder.
  ///   - holdOut: the share that is held out where there is no test file; 0 for none.
  ///   - seed: decides which those are.
  /// - Throws: ``DatasetError`` as ``init(files:variety:classes:)``, and where a training file is missing.
  package static func split(_ path: String, holdOut: Double = 0.1, seed: UInt64) throws -> DatasetSplit {
    guard let (folder, variety) = find(path) else { throw DatasetError.notADataset(path: path) }
    let classes = try names(folder, variety)
    let training = try CIFARBinary(
      files: variety.trainingFiles.map { ImageFolder.join(folder, $0) }, variety: variety, classes: classes)
    let test = ImageFolder.join(folder, variety.testFile)
    guard access(test, F_OK) == 0 else {
      return try DatasetSplit(holdingOut: holdOut, of: training, seed: seed)
    }
    let validation = try CIFARBinary(files: [test], variety: variety, classes: classes)
    return DatasetSplit(training: training, validation: validation)
  }

  /// Whether a folder has CIFAR's files.
  static func isPresent(in path: String) -> Bool { find(path) != nil }

  private static func find(_ path: String) -> (folder: String, variety: Variety)? {
    for variety in [Variety.cifar10, .cifar100] {
      for folder in [path, ImageFolder.join(path, variety.folder)] {
        let first = ImageFolder.join(folder, variety.trainingFiles[0])
        if access(first, F_OK) == 0 { return (folder, variety) }
      }
    }
    return nil
  }

  private static func names(_ folder: String, _ variety: Variety) throws -> [String] {
    let path = ImageFolder.join(folder, variety.nameFile)
    guard access(path, F_OK) == 0 else { throw DatasetError.missing(path: path) }
    let text = try MappedFile(contentsOf: path).storage.withUnsafeBytes {
      String(decoding: $0, as: UTF8.self)
    }
    let names = text.split(whereSeparator: \.isNewline)
      .map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }.filter { !$0.isEmpty }
    guard names.count == variety.classCount else {
      throw DatasetError.malformed(
        path: path, reason: "\(names.count) class names, not \(variety.classCount)")
    }
    // They are in the order of the labels, which is not sorted for every variety.
    return try ClassTree.classes(names, path: path)
  }

  private func position(_ index: Int) -> (file: MappedFile, record: Int) {
    let after = files.firstIndex { $0.first > index } ?? files.count
    return (files[after - 1].file, index - files[after - 1].first)
  }

  package func name(_ index: Int) -> String {
    let (file, record) = position(index)
    return "\(file.path)[\(record)]"
  }

  package func label(_ index: Int) -> Int {
    let (file, record) = position(index)
    return file.storage.withUnsafeBytes { Int($0[record * variety.recordBytes + variety.labelBytes - 1]) }
  }

  /// The file's own name, the record, and a hash of its bytes.
  package func fingerprint(_ index: Int) -> String {
    let (file, record) = position(index)
    let hash = file.storage.withUnsafeBytes { bytes in
      FowlerNollVo.hash(
        UnsafeRawBufferPointer(rebasing: bytes[(record * variety.recordBytes)...].prefix(variety.recordBytes))
      )
    }
    return "\(file.path.split(separator: "/").last ?? "") \(record) \(hash)"
  }

  package func image(_ index: Int) throws -> RGBImage {
    let (file, record) = position(index)
    let start = record * variety.recordBytes + variety.labelBytes
    let plane = Self.planeBytes
    let pixels = file.storage.withUnsafeBytes { bytes in
      [UInt8](unsafeUninitializedCapacity: 3 * plane) { target, filled in
        for pixel in 0..<plane {
          for channel in 0..<3 { target[3 * pixel + channel] = bytes[start + channel * plane + pixel] }
        }
        filled = 3 * plane
      }
    }
    return try RGBImage(width: Self.side, height: Self.side, pixels: pixels)
  }
}
