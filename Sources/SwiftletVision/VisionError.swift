// VisionError.swift: errors of an image, a preset or an array file.

import SwiftletCore

/// Why an image could not be read, resized or prepared.
///
/// `description` is one line that names the file or the part, and the cause.
public enum VisionError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file could not be opened or read, or is not a file that can be read from start to end.
  case unreadable(file: String, reason: String)
  /// The file has more bytes than `Image.maximumFileBytes`.
  case fileTooLarge(file: String, bytes: Int)
  /// The first bytes belong to no format that is known here.
  case notAnImage(file: String)
  /// The first bytes are those of something else than an image: "a PDF document".
  case anotherKind(file: String, kind: String)
  /// An image of a format that this build does not decode: the trait of the package was left out.
  case leftOut(file: String, format: ImageFormat)
  /// The bytes end before the image does.
  case truncated(file: String, format: ImageFormat)
  /// The bytes break the format's rules.
  case corrupt(file: String, format: ImageFormat, reason: String)
  /// A variety of the format that is not decoded here.
  case unsupported(file: String, format: ImageFormat, reason: String)
  /// A side is longer than `Image.maximumSide`, or there are more pixels than `Image.maximumPixels`.
  case tooManyPixels(what: String, width: Int, height: Int)
  /// An image needs at least one pixel, and 3 bytes for each.
  case invalidPixels(width: Int, height: Int, bytes: Int)
  /// A rectangle that does not lie inside the image.
  case outside(width: Int, height: Int, x: Int, y: Int, cropWidth: Int, cropHeight: Int)
  /// A preset whose numbers make no sense.
  case preprocessing(reason: String)
  /// A `.npy` file that cannot be read or written.
  case numpy(file: String, reason: String)

  public var description: String {
    switch self {
    case .unreadable(let file, let reason): "\(Self.line(file)): \(Self.line(reason))"
    case .fileTooLarge(let file, let bytes):
      "\(Self.line(file)): \(bytes) bytes are more than the limit of \(RGBImage.maximumFileBytes)"
    case .notAnImage(let file): "\(Self.line(file)): not a \(ImageFormat.decodedNames) image"
    case .anotherKind(let file, let kind): "\(Self.line(file)): \(kind), not an image that is read"
    case .leftOut(let file, let format):
      "\(Self.line(file)): \(FileKind.article(format.rawValue)) \(format.rawValue) image; this build has no \(format.trait) support"
    case .truncated(let file, let format):
      "\(Self.line(file)): truncated \(format.rawValue): the file ends before the picture does"
    case .corrupt(let file, let format, let reason):
      "\(Self.line(file)): damaged \(format.rawValue): \(Self.line(reason))"
    case .unsupported(let file, let format, let reason):
      "\(Self.line(file)): unsupported kind of \(format.rawValue): \(Self.line(reason))"
    case .tooManyPixels(let what, let width, let height):
      "\(Self.line(what)): \(width)×\(height) pixels are more than the limit of \(RGBImage.maximumPixels)"
        + " pixels, \(RGBImage.maximumSide) a side"
    case .invalidPixels(let width, let height, let bytes):
      "an image of \(width)×\(height) pixels cannot be made of \(bytes) bytes"
    case .outside(let width, let height, let x, let y, let cropWidth, let cropHeight):
      "a crop of \(cropWidth)×\(cropHeight) at (\(x), \(y)) does not lie inside \(width)×\(height) pixels"
    case .preprocessing(let reason): "preprocessing: \(Self.line(reason))"
    case .numpy(let file, let reason): "\(Self.line(file)): \(Self.line(reason))"
    }
  }

  /// The text on one line: file names and messages of libraries may hold any character.
  private static func line(_ text: String) -> String { FileName.shown(text) }
}
