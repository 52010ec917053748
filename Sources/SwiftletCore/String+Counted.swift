// String+Counted.swift: a noun with a number before it.

extension String {
  /// The noun for `count` things: `1 text file`, `2 classes`, `3 files of zeros`, `4 videos (MP4)`.
  package func counted(_ count: Int) -> String { count == 1 ? "1 \(self)" : "\(count) \(plural)" }

  /// The word before brackets, `of`, `that` and `without` changes.
  private var plural: String {
    for middle in [" (", " of ", " that ", " without "] {
      guard let place = firstRange(of: middle)?.lowerBound else { continue }
      return String(self[..<place]).plural + self[place...]
    }
    if hasSuffix("ss") || hasSuffix("x") { return self + "es" }
    if hasSuffix("y"), !hasSuffix("ay") { return dropLast() + "ies" }
    return self + "s"
  }
}
