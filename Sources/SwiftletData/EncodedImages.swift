// EncodedImages.swift: images whose encoded bytes can be compared.

import SwiftletFormats

/// Images with their files' bytes.
protocol EncodedImages: Sendable {
  /// The size of an image's file; `nil` where it is unknown.
  func byteCount(_ index: Int) -> Int?
  /// The first bytes of its file.
  func head(_ index: Int) throws -> [UInt8]
  /// All bytes of its file.
  func contents(_ index: Int) throws -> MappedFile
}

extension SubsetOf: EncodedImages {
  private var encoded: (any EncodedImages)? { base as? any EncodedImages }

  func byteCount(_ index: Int) -> Int? { encoded?.byteCount(indices[index]) }
  func head(_ index: Int) throws -> [UInt8] { try encoded?.head(indices[index]) ?? [] }
  func contents(_ index: Int) throws -> MappedFile {
    guard let encoded else { throw DatasetError.unreadable(path: name(index), reason: "it has no bytes") }
    return try encoded.contents(indices[index])
  }
}
