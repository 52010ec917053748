// Digest.swift: SHA-256 (FIPS 180-4) of files and bytes, by libcrypto.

import CCrypto

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Fingerprints of files, to check a download or to name a file in an error.
package enum Digest {
  /// The SHA-256 of `bytes`, in 64 lower-case hexadecimal digits.
  ///
  /// - Throws: ``FormatError/unreadable(file:reason:)`` where libcrypto offers no SHA-256.
  package static func sha256(_ bytes: some Sequence<UInt8>) throws -> String {
    let state = try State(file: "bytes")
    let contiguous: Void? = try bytes.withContiguousStorageIfAvailable {
      try state.update(UnsafeRawBufferPointer($0))
    }
    if contiguous == nil { try Array(bytes).withUnsafeBytes { try state.update($0) } }
    return try state.finish()
  }

  /// The SHA-256 of bytes in memory, such as a tensor's, in 64 lower-case hexadecimal digits.
  ///
  /// - Throws: ``FormatError/unreadable(file:reason:)`` where libcrypto offers no SHA-256.
  package static func sha256(bytes: UnsafeRawBufferPointer) throws -> String {
    let state = try State(file: "bytes")
    try state.update(bytes)
    return try state.finish()
  }

  /// The SHA-256 of a file, in 64 lower-case hexadecimal digits. It is read in pieces of 1 MiB.
  ///
  /// - Throws: ``FormatError/unreadable(file:reason:)`` where the file cannot be opened or read.
  package static func sha256(ofFile path: String) throws -> String {
    let (descriptor, _) = try openRegularFile(path)
    defer { close(descriptor) }
    let state = try State(file: path)
    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
    defer { piece.deallocate() }
    while true {
      let count = read(descriptor, piece.baseAddress, piece.count)
      if count > 0 {
        try state.update(UnsafeRawBufferPointer(rebasing: piece[..<count]))
      } else if count == 0 {
        return try state.finish()
      } else if errno != EINTR {
        throw FormatError.unreadable(file: path, reason: systemMessage(errno))
      }
    }
  }

  /// A SHA-256 under way.
  private final class State {
    private let context: OpaquePointer
    private let file: String

    init(file: String) throws {
      guard let context = EVP_MD_CTX_new() else { throw Self.failure(file) }
      guard EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
        EVP_MD_CTX_free(context)
        throw Self.failure(file)
      }
      self.context = context
      self.file = file
    }

    deinit { EVP_MD_CTX_free(context) }

    func update(_ bytes: UnsafeRawBufferPointer) throws {
      guard bytes.isEmpty || EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 else {
        throw Self.failure(file)
      }
    }

    func finish() throws -> String {
      var digest = [UInt8](repeating: 0, count: 32)
      guard EVP_DigestFinal_ex(context, &digest, nil) == 1 else { throw Self.failure(file) }
      let digits = Array("0123456789abcdef".utf8)
      return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static func failure(_ file: String) -> FormatError {
      .unreadable(file: file, reason: "libcrypto cannot compute SHA-256")
    }
  }
}
