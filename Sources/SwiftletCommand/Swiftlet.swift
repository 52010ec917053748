// Swiftlet.swift: the tool's entry: finds the command, runs it, turns errors into one line.

import SwiftletModules

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The command-line tool.
@main
enum SwiftletTool {
  /// The commands, in the order of the help.
  static let commands: [any Command.Type] = [
    ClassifyCommand.self, TrainCommand.self, EvaluateCommand.self, EmbedCommand.self, ModelsCommand.self,
    DataCommand.self, SummaryCommand.self, CompareCommand.self, PullCommand.self,
    PreprocessCommand.self, ConvertCommand.self, BenchCommand.self, TuneCommand.self,
    InspectCommand.self,
  ]

  static func main() {
    // A reader that goes away (`swiftlet models | head`) is an error from write, not a signal.
    signal(SIGPIPE, SIG_IGN)
    // So is a file that grows beyond the user's limit.
    signal(SIGXFSZ, SIG_IGN)
    exit(run(Array(CommandLine.arguments.dropFirst())))
  }

  /// Runs a command line, and gives the exit status.
  static func run(_ words: [String]) -> Int32 {
    do {
      guard let first = words.first else {
        try Console.print(help)
        return 1
      }
      if ["help", "--help", "-h"].contains(first) {
        if words.count == 2, let command = commands.first(where: { $0.spec.name == words[1] }) {
          try Console.print(command.spec.help)
        } else {
          try Console.print(help)
        }
        return 0
      }
      if first == "--version" {
        try Console.print("swiftlet \(swiftletVersion)")
        return 0
      }
      guard let command = commands.first(where: { $0.spec.name == first }) else {
        throw UsageError("unknown command '\(first)'; 'swiftlet --help' lists them")
      }
      if words.contains("--help") || words.contains("-h") {
        try Console.print(command.spec.help)
        return 0
      }
      return try command.run(try Arguments(Array(words.dropFirst()), for: command.spec))
    } catch {
      Console.warn("error: \(oneLine(error))")
      return 1
    }
  }

  /// An error's text without line breaks.
  static func oneLine(_ error: any Error) -> String {
    String("\(error)".map { $0.isNewline ? " " : $0 })
  }

  /// The list of commands.
  static var help: String {
    let width = (commands.map { $0.spec.name.count }.max() ?? 0) + 3
    let lines = commands.map { "  " + $0.spec.name.padded(to: width) + $0.spec.summary }
    let variables = EnvironmentVariable.allCases.map { "  " + $0.rawValue.padded(to: 17) + $0.help }
    return """
      swiftlet \(swiftletVersion): light convolutional networks on plain CPUs (MobileNetV1, V2, V3, SENet)

      USAGE: swiftlet COMMAND [options]

      COMMANDS:
      \(lines.joined(separator: "\n"))

      'swiftlet COMMAND --help' explains a command.

      ENVIRONMENT:
      \(variables.joined(separator: "\n"))

      EXAMPLES:
        swiftlet pull mobilenet_v2            fetch published weights, once
        swiftlet classify owl.jpg             what is on a photograph
        swiftlet summary mobilenet_v2         the paper's table, with costs
      """
  }
}
