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
    InspectCommand.self, CompletionCommand.self,
  ]

  static func main() {
    // A reader that goes away (`swiftlet models | head`) is an error from write, so that files are closed before the end.
    signal(SIGPIPE, SIG_IGN)
    // So is a file that grows beyond the user's limit.
    signal(SIGXFSZ, SIG_IGN)
    exit(run(words))
  }

  /// The words of the command line after the program's name. Names of files need not be UTF-8, so they are taken as bytes.
  private static var words: [String] {
    (1..<max(1, Int(CommandLine.argc))).compactMap { index in
      CommandLine.unsafeArgv[index].map { word in
        FileName.string(UnsafeRawBufferPointer(start: word, count: strlen(word)))
      }
    }
  }

  /// Runs a command line, and gives the exit status: 2 for a mistake on the command line, 1 for any other failure.
  static func run(_ words: [String]) -> Int32 {
    do {
      guard let first = words.first else {
        try Console.print(help)
        return 2
      }
      if ["help", "--help", "-h"].contains(first) {
        if words.count == 2, let command = commands.first(where: { $0.spec.name == words[1] }) {
          try Console.print(command.spec.help)
        } else {
          try Console.print(help)
        }
        return 0
      }
      if ["--version", "version"].contains(first) {
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
    } catch is ReaderGone {
      // The end that the signal would have made, as every tool of the system ends there: without a word.
      signal(SIGPIPE, SIG_DFL)
      raise(SIGPIPE)
      return 128 + SIGPIPE
    } catch {
      Console.warn("error: \(oneLine(error))")
      return error is UsageError ? 2 : 1
    }
  }

  /// An error's text without line breaks and control characters.
  static func oneLine(_ error: any Error) -> String {
    FileName.shown(String("\(error)".map { $0.isNewline ? " " : $0 }))
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
