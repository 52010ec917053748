// Arguments.swift: a command line taken apart by a CommandSpec. Unknown and repeated options are errors.

import SwiftletModules

/// The arguments of one command.
struct Arguments: Sendable {
  /// Arguments that do not belong to an option, in order.
  private(set) var positionals: [String] = []
  private var values: [String: String] = [:]
  private var flags: Set<String> = []

  /// Takes the words after the command's name apart.
  ///
  /// - Throws: ``UsageError`` naming the word that does not fit.
  init(_ words: [String], for spec: CommandSpec) throws {
    var rest = words[...]
    var onlyPositionals = false
    while let word = rest.popFirst() {
      if onlyPositionals || !word.hasPrefix("-") || word == "-" {
        positionals.append(word)
        continue
      }
      if word == "--" {
        onlyPositionals = true
        continue
      }
      let parts = word.drop { $0 == "-" }.split(
        separator: "=", maxSplits: 1, omittingEmptySubsequences: false
      ).map(String.init)
      let name = parts.first ?? ""
      guard word.hasPrefix("--"), let option = spec.options.first(where: { $0.name == name }) else {
        throw UsageError(
          "unknown option '\(word)' for '\(spec.name)'; 'swiftlet \(spec.name) --help' lists them")
      }
      guard option.value != nil else {
        guard parts.count == 1 else { throw UsageError("--\(name) takes no value") }
        flags.insert(name)
        continue
      }
      guard values[name] == nil else { throw UsageError("--\(name) is given twice") }
      if option.isOptional, parts.count == 1, rest.first.map({ $0.hasPrefix("-") }) ?? true {
        flags.insert(name)
        continue
      }
      guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
        throw UsageError("--\(name) needs a value")
      }
      values[name] = value
    }
    guard spec.count.contains(positionals.count) else {
      throw UsageError(
        positionals.count < spec.count.lowerBound
          ? "'\(spec.name)' needs \(spec.positionals); 'swiftlet \(spec.name) --help' shows how"
          : "'\(spec.name)' does not take '\(positionals[spec.count.upperBound])'")
    }
  }

  /// Whether a flag is there, or an option whose value may be missing.
  func flag(_ name: String) -> Bool { flags.contains(name) || values[name] != nil }

  /// All options by name; a flag has no value.
  var options: [String: String?] {
    var all: [String: String?] = values.mapValues { $0 }
    for flag in flags { all[flag] = .some(nil) }
    return all
  }

  /// The options as a command line, in the order of their names.
  var text: String {
    options.sorted { $0.key < $1.key }.map { name, value in
      "--\(name)" + (value.map { " " + ($0.contains(where: \.isWhitespace) ? "'\($0)'" : $0) } ?? "")
    }.joined(separator: " ")
  }

  /// The same with further options, where they are not given.
  func adding(_ options: [String: String?]) -> Arguments {
    var result = self
    for (name, value) in options where values[name] == nil && !flags.contains(name) {
      if let value { result.values[name] = value } else { result.flags.insert(name) }
    }
    return result
  }

  /// The value of an option, or `nil`.
  func string(_ name: String) -> String? { values[name] }

  /// The value of an option that takes a whole number.
  ///
  /// - Throws: ``UsageError`` where it is not one, or is beyond `range`.
  func integer(_ name: String, in range: ClosedRange<Int> = Int.min...Int.max) throws -> Int? {
    try values[name].map { text in
      guard let number = Int(text) else { throw UsageError("--\(name) takes a whole number, got '\(text)'") }
      guard range.contains(number) else {
        let allowed =
          range.upperBound == .max
          ? "at least \(range.lowerBound)" : "between \(range.lowerBound) and \(range.upperBound)"
        throw UsageError("--\(name) must be \(allowed), got \(number)")
      }
      return number
    }
  }

  /// `--threads`, or `nil` for those of the processor.
  ///
  /// - Throws: ``UsageError`` where it is not a number that makes sense.
  func threads() throws -> Int? { try integer("threads", in: 1...256) }

  /// The value of an option that takes a number.
  ///
  /// - Throws: ``UsageError`` where it is not one.
  func number(_ name: String) throws -> Double? {
    try values[name].map { text in
      guard let number = Double(text) else { throw UsageError("--\(name) takes a number, got '\(text)'") }
      return number
    }
  }

  /// The value of an option that takes a probability.
  ///
  /// - Throws: ``UsageError`` where it is not a number between 0 and 1.
  func probability(_ name: String) throws -> Double? {
    let number = try number(name)
    if let number, !(0...1).contains(number) {
      throw UsageError("--\(name) must be between 0 and 1, got \(number)")
    }
    return number
  }

  /// The value of an option that takes one of a few words.
  ///
  /// - Throws: ``UsageError`` listing the words.
  func choice<Choice: RawRepresentable & CaseIterable>(_ name: String, _: Choice.Type) throws -> Choice?
  where Choice.RawValue == String {
    try values[name].map { text in
      guard let choice = Choice(rawValue: text) else {
        let all = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        throw UsageError("--\(name) takes one of \(all), got '\(text)'")
      }
      return choice
    }
  }
}

/// The options for the form of a network.
enum NetworkOptions {
  /// `--width`, `--resolution`, `--classes`, `--dialect`.
  static let specs: [OptionSpec] = [
    .value("width", "α", "The width multiplier, such as 0.75."),
    .value("resolution", "PIXELS", "Height and width of the input."),
    .value("classes", "N", "The number of classes."),
    .value(
      "dialect", "NAME",
      "Whose conventions: paper, torchvision, timm, tensorflow or legacy."),
  ]

  /// `--state-dict`: which weights of a file.
  static let stateDict = OptionSpec.value(
    "state-dict", "KEY",
    "Weights to read where a checkpoint has several sets, such as ema (default: plain ones).")

  /// The options on the command line.
  ///
  /// - Throws: ``UsageError`` where a value is not of its kind.
  static func parse(_ arguments: Arguments) throws -> ZooOptions {
    ZooOptions(
      dialect: try arguments.choice("dialect", Dialect.self), width: try arguments.number("width"),
      resolution: try arguments.integer("resolution"), classes: try arguments.integer("classes"))
  }
}
