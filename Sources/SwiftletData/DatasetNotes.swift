// DatasetNotes.swift: how a data set was understood, and what of it is not as it should be.

/// How a data set was understood, in sentences.
package struct DatasetNotes: Sendable, Codable, Equatable {
  /// Decisions that were made and things that never belong to a data set, for information.
  package var notes: [String] = []
  /// Things that a person may not have meant: images that are left out, a part that is missing.
  package var remarks: [String] = []

  package init() {}

  mutating func note(_ text: String) { notes.append(DatasetError.line(text)) }
  mutating func remark(_ text: String) { remarks.append(DatasetError.line(text)) }

  mutating func merge(_ other: DatasetNotes) {
    notes += other.notes.filter { !notes.contains($0) }
    remarks += other.remarks.filter { !remarks.contains($0) }
  }
}

/// Choices in opening a data set.
package struct DatasetOptions: Sendable {
  /// The share that is held out for validation where the data has no such part; 0 for none.
  package var holdOut: Double
  /// Decides which images those are.
  package var seed: UInt64
  /// The least number of classes: 1 is enough for an evaluation.
  package var leastClasses = 2
  /// Whether the class is the beginning of a file's name, whatever the folders.
  package var labelsFromNames = false

  package init(holdOut: Double = 0.1, seed: UInt64, leastClasses: Int = 2, labelsFromNames: Bool = false) {
    self.holdOut = holdOut
    self.seed = seed
    self.leastClasses = leastClasses
    self.labelsFromNames = labelsFromNames
  }
}
