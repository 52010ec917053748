// CompletionCommand.swift: scripts that complete commands, options and networks in a shell.

import SwiftletModules

/// `swiftlet completion SHELL`.
struct CompletionCommand: Command {
  /// A shell.
  enum Shell: String, CaseIterable {
    case bash, zsh, fish
  }

  static let spec = CommandSpec(
    name: "completion", summary: "Print a script that completes commands in a shell",
    positionals: "SHELL", count: 1...1,
    discussion: "SHELL is bash, zsh or fish. The script completes commands, options, networks and files.",
    options: [],
    examples: [
      "source <(swiftlet completion bash)", "swiftlet completion zsh > \"${fpath[1]}/_swiftlet\"",
      "swiftlet completion fish > ~/.config/fish/completions/swiftlet.fish",
    ])

  static func run(_ arguments: Arguments) throws -> Int32 {
    guard let shell = Shell(rawValue: arguments.positionals[0]) else {
      throw UsageError(
        "'completion' takes \(Shell.allCases.map(\.rawValue).joined(separator: ", ")), got '\(arguments.positionals[0])'"
      )
    }
    let commands = SwiftletTool.commands.map { $0.spec }
    switch shell {
    case .bash: try Console.print(bash(commands))
    case .zsh:
      try Console.print("#compdef swiftlet\nautoload -U +X bashcompinit && bashcompinit\n" + bash(commands))
    case .fish: try Console.print(fish(commands))
    }
    return 0
  }

  private static func options(_ spec: CommandSpec) -> [String] {
    spec.options.map { "--\($0.name)" } + ["--help"]
  }

  private static func bash(_ commands: [CommandSpec]) -> String {
    let cases = commands.map { spec in
      "    \(spec.name)) options=\"\(options(spec).joined(separator: " "))\" ;;"
    }
    let networks = Zoo.entries.map(\.name).joined(separator: " ")
    return """
      _swiftlet() {
        local word="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" options=""
        if [ "$COMP_CWORD" -eq 1 ]; then
          COMPREPLY=($(compgen -W "\(commands.map(\.name).joined(separator: " ")) --help --version" -- "$word"))
          return
        fi
        case "${COMP_WORDS[1]}" in
      \(cases.joined(separator: "\n"))
        esac
        case "$word" in
          -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
          *)
            COMPREPLY=($(compgen -f -- "$word"))
            case "${COMP_WORDS[1]} $previous" in
              *" --recipe") COMPREPLY+=($(compgen -W "\(Recipe.presets.map(\.name).joined(separator: " "))" -- "$word")) ;;
              *" --model"|*" --from"|summary*|inspect*|bench*|compare*|pull*)
                COMPREPLY+=($(compgen -W "\(networks)" -- "$word")) ;;
            esac ;;
        esac
      }
      complete -o filenames -F _swiftlet swiftlet
      """
  }

  private static func fish(_ commands: [CommandSpec]) -> String {
    func quoted(_ text: String) -> String {
      "'" + text.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
    }
    var lines: [String] = []
    for spec in commands {
      lines.append("complete -c swiftlet -n __fish_use_subcommand -a \(spec.name) -d \(quoted(spec.summary))")
      for option in spec.options {
        lines.append(
          "complete -c swiftlet -n '__fish_seen_subcommand_from \(spec.name)' -l \(option.name)"
            + (option.value == nil || option.isOptional ? "" : " -r") + " -d \(quoted(option.help))")
      }
    }
    let networks = Zoo.entries.map(\.name).joined(separator: " ")
    lines.append(
      "complete -c swiftlet -n '__fish_seen_subcommand_from summary inspect bench compare pull' -a \(quoted(networks))"
    )
    return lines.joined(separator: "\n")
  }
}
