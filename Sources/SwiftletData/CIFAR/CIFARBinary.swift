// CIFARBinary.swift: CIFAR-10 and CIFAR-100 in their original binary files.
// (Krizhevsky, "Learning multiple layers of features from tiny images", 2009; the format is described on the data sets' page.)

import SwiftletCore
import SwiftletFormats

/// Images of 32×32 pixels from CIFAR's binary files.
///
/// A record is one byte of label (CIFAR-100: the coarse, then the fine one, which is used) and the red, green and blue planes.
package struct CIFARBinary: Dataset {
  /// One of the two data sets.
  package enum Variety: Sendable {
    case cifar10, cifar100

    var labelBytes: Int { self == .cifar10 ? 1 : 2 }
    var classCount: Int { self == .cifar10 ? 10 : 100 }
    var recordBytes: Int { labelBytes + 3 * CIFARBinary.planeBytes }

    func nameFile(_ isPickled: Bool) -> String {
      if isPickled { return self == .cifar10 ? "batches.meta" : "meta" }
      return self == .cifar10 ? "batches.meta.txt" : "fine_label_names.txt"
    }

    func trainingFiles(_ isPickled: Bool) -> [String] {
      let ending = isPickled ? "" : ".bin"
      return self == .cifar10 ? (1...5).map { "data_batch_\($0)\(ending)" } : ["train\(ending)"]
    }

    func testFile(_ isPickled: Bool) -> String {
      (self == .cifar10 ? "test_batch" : "test") + (isPickled ? "" : ".bin")
    }
  }

  private static let side = 32
  static let planeBytes = 32 * 32

  package let classes: [String]
  package let count: Int
  private let variety: Variety
  /// The files, with the number of records before each.
  private let files: [(file: MappedFile, first: Int)]

  /// Reads some of the files.
  ///
  /// - Parameters:
  ///   - contents: whole records.
  ///   - variety: the data set of the files.
  ///   - classes: the names of the 10 or 100 classes.
  /// - Throws: ``DatasetError`` where a size, a label or the number of names is wrong.
  package init(files contents: [MappedFile], variety: Variety, classes: [String]) throws {
    var files: [(MappedFile, Int)] = []
    var count = 0
    for file in contents {
      let path = file.path
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
    guard count > 0 else { throw DatasetError.noImages(path: contents.first?.path ?? "CIFAR") }
    guard classes.count == variety.classCount else {
      throw DatasetError.malformed(
        path: contents.first?.path ?? "CIFAR",
        reason: "\(classes.count) class names, not \(variety.classCount)")
    }
    self.files = files
    self.count = count
    self.variety = variety
    self.classes = classes
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
