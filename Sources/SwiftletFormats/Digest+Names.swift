// Digest+Names.swift: checksums in the names of weight files, as PyTorch's publishers write them.

import SwiftletCore
import SwiftletWeights

extension Digest {
  /// The first digits of the sha256 that a name states: `b0353104` of `mobilenet_v2-b0353104.pth`.
  ///
  /// At least eight hexadecimal digits between a hyphen and the ending are a checksum. Decimal digits alone are
  /// rarely one: they count where a network's name is before them, and never where they are a date.
  package static func stated(inName path: String) -> String? {
    guard let name = path.split(separator: "/").last,
      let match = name.firstMatch(
        of: /^(.*)-([0-9a-fA-F]{8,64})\.(?:pth|pt|bin|ckpt|tar|safetensors)(?:\.tar)?$/)
    else { return nil }
    let digits = match.2.lowercased()
    guard digits.allSatisfy(\.isNumber) else { return digits }
    let isDate =
      digits.count == 8 && digits.firstMatch(of: /^(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$/) != nil
    let stem = match.1.lowercased()
    let namesNetwork = ["mobilenet", "resne", "vgg", "senet"].contains(where: stem.contains)
    return namesNetwork && !isDate ? digits : nil
  }

  /// Compares a file with the checksum in its name, if there is one.
  ///
  /// - Throws: ``FormatError/wrongDigest(file:expected:found:)``, ``FormatError/unreadable(file:reason:)``.
  package static func checkName(ofFile path: String) throws {
    guard let expected = stated(inName: path) else { return }
    let found = try sha256(ofFile: path)
    guard found.hasPrefix(expected) else {
      throw FormatError.wrongDigest(file: path, expected: expected, found: found)
    }
  }
}
