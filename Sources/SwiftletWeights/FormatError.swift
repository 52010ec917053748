// FormatError.swift: errors of a weight file.

/// Why a weight file was not read or not written. Every description is one line that begins with the file.
public enum FormatError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file cannot be opened or mapped: it is missing, a folder, a pipe, empty, or not permitted.
  case unreadable(file: String, reason: String)
  /// The file breaks the rules of its format.
  case malformed(file: String, reason: String)
  /// One tensor of the file breaks the rules of its format.
  case malformedTensor(file: String, tensor: String, reason: String)
  /// The file is sound, or may be, but of a kind that is not read here.
  case unsupported(file: String, reason: String)
  /// The file needs more memory, entries or work than any weight file.
  case overLimit(file: String, reason: String)
  /// A pickle makes a tensor of a kind that is not read, such as a quantized one, by the function of that name.
  case refusedGlobal(file: String, name: String)
  /// The file holds an object of a Python class in which no tensors are found.
  case wholeModule(file: String, name: String)
  /// The name states another checksum than the file has: sha256 in hexadecimal, the name's digits first.
  case wrongDigest(file: String, expected: String, found: String)
  /// Contents that cannot be written.
  case unwritable(file: String, reason: String)

  /// The cause in one line: file, tensor where it concerns one, reason.
  public var description: String {
    switch self {
    case .unreadable(let file, let reason): Self.line("\(file): cannot read: \(reason)")
    case .malformed(let file, let reason), .unsupported(let file, let reason),
      .overLimit(let file, let reason):
      Self.line("\(file): \(reason)")
    case .malformedTensor(let file, let tensor, let reason):
      Self.line("\(file): tensor '\(Self.shortened(tensor))': \(reason)")
    case .refusedGlobal(let file, "torch.storage._load_from_bytes"):
      Self.line(
        "\(file): was written by pickle, not by torch.save: torch.save(model.state_dict(), …) writes what is read"
      )
    case .refusedGlobal(let file, let name):
      Self.line(
        "\(file): holds a tensor that '\(Self.shortened(name))' makes, which is not read: sparse, quantized and "
          + "distributed tensors must be made plain ones before torch.save")
    case .wholeModule(let file, let name):
      Self.line(
        "\(file): holds an object of class '\(Self.shortened(name))' without tensors of a module: "
          + "torch.save(model.state_dict(), …) writes what is needed")
    case .wrongDigest(let file, let expected, let found):
      Self.line(
        "\(file): its name says that its sha256 begins \(expected), but it is \(found): the file is damaged or is "
          + "another; fetch it again, or rename it if these digits are no checksum")
    case .unwritable(let file, let reason): Self.line("\(file): cannot write: \(reason)")
    }
  }

  /// A name out of a file, at a length that a line can carry.
  package static func shortened(_ name: String) -> String {
    let scalars = name.unicodeScalars
    return scalars.count <= 200 ? name : String(String.UnicodeScalarView(scalars.prefix(200))) + "…"
  }

  /// One line whatever names from the file hold: control characters and line ends become question marks.
  private static func line(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0..<32, 127..<160, 0x2028, 0x2029: result.append("?")
      default: result.append(scalar)
      }
    }
    return String(result)
  }
}
