// PullCommand.swift: fetches published weights.

import SwiftletModules

/// `swiftlet pull NAME`.
struct PullCommand: Command {
  /// The output of `pull --json`.
  struct Result: Encodable {
    let name: String, network: String
    let file: String, url: String, sha256: String
    let fetched: Bool
  }

  /// A line of `pull --list --json`.
  struct Entry: Encodable {
    let name: String, network: String
    let dialect: Dialect
    let url: String, sha256: String
    let top1: Double
    let cached: Bool
  }

  static let spec = CommandSpec(
    name: "pull", summary: "Fetch published weights, once",
    positionals: "NAME", count: 0...1,
    discussion: """
      Fetches published weights into the cache folder, checks their sha256 and prints where they are. A broken
      transfer is continued by the next pull; the file is in place only when it is whole. --list shows what
      there is.
      """,
    options: [
      .flag("list", "List all published weights that are known."),
      .flag("json", "Print one JSON object: name, network, file, url, sha256, fetched."),
    ],
    examples: ["swiftlet pull mobilenet_v2", "swiftlet pull --list"])

  static func run(_ arguments: Arguments) throws -> Int32 {
    if arguments.flag("list") { return try list(json: arguments.flag("json")) }
    guard let name = arguments.positionals.first else {
      throw UsageError("'pull' needs a NAME; 'swiftlet pull --list' shows them")
    }
    guard let source = WeightSource.named(name) else {
      // A network without published weights gets another error than an unknown name.
      _ = try Zoo.entry(named: name)
      throw UsageError(
        "no published weights of \(name) are known; 'swiftlet pull --list' shows what there is")
    }
    let pulled = try source.pull(showsProgress: Console.hasTerminal)
    if arguments.flag("json") {
      try Console.printJSON(
        Result(
          name: source.name, network: source.network, file: pulled.path, url: source.url,
          sha256: pulled.sha256, fetched: pulled.wasFetched))
    } else {
      try Console.print(pulled.path)
    }
    return 0
  }

  private static func list(json: Bool) throws -> Int32 {
    let entries = try WeightSource.all.map { source in
      Entry(
        name: source.name, network: source.network, dialect: source.dialect, url: source.url,
        sha256: source.sha256, top1: source.top1,
        cached: WeightCache.exists(try WeightCache.path(of: source)))
    }
    if json {
      for entry in entries { try Console.printJSON(entry) }
      return 0
    }
    var table = TextTable(["name ", "network ", "dialect ", "top-1 %", "here ", "published at "])
    for entry in entries {
      table.add([
        entry.name, entry.network, entry.dialect.rawValue, entry.top1.fixed(2), entry.cached ? "yes" : "no",
        entry.url,
      ])
    }
    for line in table.lines { try Console.print(line) }
    return 0
  }
}
