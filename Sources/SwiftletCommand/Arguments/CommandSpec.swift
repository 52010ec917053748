// CommandSpec.swift: the arguments of a command, as data: parsing, help and checks all read it.

/// An option of a command: `--top 5`, or a flag such as `--json`.
struct OptionSpec: Sendable {
  /// The name, without dashes.
  let name: String
  /// The placeholder of the value in the help; `nil` for a flag.
  let value: String?
  /// Whether the value may be missing.
  var isOptional = false
  /// One line of help.
  let help: String

  private init(name: String, value: String?, isOptional: Bool = false, help: String) {
    (self.name, self.value, self.isOptional, self.help) = (name, value, isOptional, help)
  }

  /// An option that takes a value.
  static func value(_ name: String, _ value: String, _ help: String) -> OptionSpec {
    OptionSpec(name: name, value: value, help: help)
  }

  /// An option whose value may be missing: the next word is its value unless that begins with a dash.
  static func optionalValue(_ name: String, _ value: String, _ help: String) -> OptionSpec {
    OptionSpec(name: name, value: "[\(value)]", isOptional: true, help: help)
  }

  /// An option that is there or not.
  static func flag(_ name: String, _ help: String) -> OptionSpec {
    OptionSpec(name: name, value: nil, help: help)
  }
}

/// The arguments and options of a command.
struct CommandSpec: Sendable {
  /// Its name on the command line.
  let name: String
  /// One line for the list of commands.
  let summary: String
  /// Positional arguments as the usage line shows them: `PHOTO…`.
  let positionals: String
  /// The allowed number of positional arguments.
  let count: ClosedRange<Int>
  /// A paragraph or two for the command's own help.
  let discussion: String
  /// Options in the order of the help.
  let options: [OptionSpec]
  /// Command lines that show how it is used.
  let examples: [String]

  /// The command's help.
  var help: String {
    var lines = ["USAGE: swiftlet \(name) \(positionals)\(positionals.isEmpty ? "" : " ")[options]", ""]
    lines.append(discussion)
    lines += ["", "OPTIONS:"]
    let all = options + [.flag("help", "Show this help.")]
    let names = all.map { "  --\($0.name)" + ($0.value.map { " \($0)" } ?? "") }
    let width = (names.map(\.count).max() ?? 0) + 2
    for (name, option) in zip(names, all) { lines.append(name.padded(to: width) + option.help) }
    if !examples.isEmpty { lines += ["", "EXAMPLES:"] + examples.map { "  \($0)" } }
    return lines.joined(separator: "\n")
  }
}

/// A command of the tool.
protocol Command: Sendable {
  /// Its arguments and options.
  static var spec: CommandSpec { get }
  /// Runs it.
  ///
  /// - Returns: the exit status.
  /// - Throws: anything that describes itself in one line.
  static func run(_ arguments: Arguments) throws -> Int32
}

/// Something that a correct command line could not do: the exit status is 1.
struct CommandError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// A mistake on the command line: the exit status is 2.
struct UsageError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

extension String {
  /// With spaces after it, up to `width` cells of a terminal.
  func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - cells)) }

  /// With spaces before it, up to `width` cells of a terminal.
  func leftPadded(to width: Int) -> String { String(repeating: " ", count: max(0, width - cells)) + self }
}
