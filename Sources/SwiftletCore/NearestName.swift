// NearestName.swift: the most similar of several names, for "did you mean".

/// The distance of names by edits.
package enum NearestName {
  /// The candidate with the fewest edits; `nil` where more than a third of the letters differ.
  package static func of(_ name: String, in candidates: some Sequence<String>) -> String? {
    let ranked = candidates.map { ($0, distance(name.lowercased(), $0.lowercased())) }
    guard let (candidate, edits) = ranked.min(by: { ($0.1, $0.0) < ($1.1, $1.0) }) else { return nil }
    return edits <= max(2, name.count / 3) ? candidate : nil
  }

  /// Insertions, deletions and replacements from one name to the other (Levenshtein).
  package static func distance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a), Array(b))
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, y) in b.enumerated() {
        let next = min(diagonal + (x == y ? 0 : 1), row[j] + 1, row[j + 1] + 1)
        diagonal = row[j + 1]
        row[j + 1] = next
      }
    }
    return row[b.count]
  }
}
