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
  /// A pickle names something that is neither a tensor nor a container, such as `posix.system`. Nothing is run.
  case refusedGlobal(file: String, name: String)
  /// The file holds a saved module, that is a Python class, instead of its tensors.
  case wholeModule(file: String, name: String)
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
    case .refusedGlobal(let file, let name):
      Self.line(
        "\(file): its pickle asks for '\(Self.shortened(name))', which is refused: only tensors and plain "
          + "containers are read")
    case .wholeModule(let file, let name):
      Self.line(
        "\(file): holds a whole module (class '\(Self.shortened(name))'), not its tensors: "
          + "torch.save(model.state_dict(), …) writes what is needed")
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
