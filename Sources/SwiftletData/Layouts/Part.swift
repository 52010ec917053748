// Part.swift: the parts of a data set, and the names that people give to them.

/// A part of a data set.
package enum Part: String, Sendable, Codable, CaseIterable {
  /// The images that are trained on.
  case training
  /// The images that choose the best epoch.
  case validation
  /// The images that are looked at once, at the end.
  case test

  /// The part that a folder's or a column's word names; `nil` where it names none, or several.
  ///
  /// Words count, not letters: `fruit_train`, `Train2017` and `images-train` are for training, `strain` and `trainers` are
  /// not. `trainval` is for training.
  package init?(naming name: some StringProtocol) {
    let words = Self.words(of: name)
    var found: Set<Part> = []
    for (position, word) in words.enumerated() {
      if let part = Self.vocabulary[word] { found.insert(part) }
      // `hold out`, `held-out`.
      if word == "out", position > 0, ["hold", "held"].contains(words[position - 1]) { found.insert(.test) }
    }
    // What both train and choose is trained on when a third part is for the test.
    if found == [.training, .validation] { found = [.training] }
    if found.isEmpty {
      for (text, part) in Self.scripts where name.contains(text) { found.insert(part) }
    }
    guard found.count == 1, let part = found.first else { return nil }
    self = part
  }

  /// Whether a name is exactly the usual one: of several folders of a part it counts.
  static func isPlain(_ name: some StringProtocol) -> Bool {
    ["train", "val", "valid", "validation", "test", "training", "testing"].contains(name.lowercased())
  }

  /// A word for lists and folders.
  package var word: String {
    switch self {
    case .training: "training"
    case .validation: "validation"
    case .test: "test"
    }
  }

  private static let vocabulary: [String: Part] = {
    let words: [Part: [String]] = [
      .training: [
        "train", "training", "trn", "trainset", "trainingset", "traindata", "trainingdata", "trainval",
        "learn",
        "learning", "trains", "traindir",
      ],
      .validation: [
        "val", "valid", "validation", "validate", "validating", "valset", "validset", "validationset", "dev",
        "devset",
        "development", "eval", "evaluation", "evalset", "evaluationset", "vali", "valdata", "vals",
      ],
      .test: [
        "test", "testing", "tst", "testset", "testingset", "testdata", "testingdata", "holdout", "heldout",
        "tests",
      ],
    ]
    var vocabulary: [String: Part] = [:]
    for (part, words) in words { for word in words { vocabulary[word] = part } }
    return vocabulary
  }()

  /// Words of scripts that have no spaces.
  private static let scripts: [(String, Part)] = [
    ("训练", .training), ("訓練", .training), ("学習", .training), ("验证", .validation), ("驗證", .validation),
    ("検証", .validation), ("测试", .test), ("測試", .test), ("テスト", .test),
  ]

  /// The words of a name in lower case: letters between other characters, and each part of `camelCase`.
  private static func words(of name: some StringProtocol) -> [String] {
    var words: [String] = []
    var word = ""
    var wasLower = false
    for character in name {
      let isLetter = character.isASCII && character.isLetter
      if !isLetter || (character.isUppercase && wasLower) {
        if !word.isEmpty { words.append(word) }
        word = ""
      }
      if isLetter { word += character.lowercased() }
      wasLower = isLetter && character.isLowercase
    }
    if !word.isEmpty { words.append(word) }
    return words
  }
}
