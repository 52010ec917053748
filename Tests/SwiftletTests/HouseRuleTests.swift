// HouseRuleTests.swift: rules of the project that the compiler does not hold.

import Foundation
import SwiftletModules
import TestSupport
import Testing

@Suite struct HouseRuleTests {
  private func sources(_ folders: [String], _ endings: [String] = ["swift"]) throws -> [(
    name: String, text: String
  )] {
    try folders.flatMap { folder -> [(String, String)] in
      let root = Files.root.appending(path: folder)
      let names = try #require(FileManager.default.enumerator(atPath: root.path)).compactMap { $0 as? String }
      return try names.filter { name in
        endings.contains { name.hasSuffix(".\($0)") } && !name.contains(".build")
      }
      .map { ("\(folder)/\($0)", try String(contentsOf: root.appending(path: $0), encoding: .utf8)) }
    }
  }

  @Test func uncheckedSendableIsInItsTwoPlaces() throws {
    let files = try sources(["Sources"]).filter { file in
      file.text.split(separator: "\n").contains {
        $0.contains("@unchecked Sendable") && !$0.contains("//")
      }
    }
    let allowed = ["TensorStorage", "WorkerTeam"].map { "Sources/SwiftletCore/\($0).swift" }
    #expect(files.map(\.name).sorted() == allowed)
  }

  @Test func nothingTrapsOnPurpose() throws {
    for (name, text) in try sources(["Sources", "Examples/Sources"]) {
      for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
        let code = line.components(separatedBy: "//")[0]
        for word in ["fatalError(", "try!", "as!", "unsafeFlags", "unowned("] {
          #expect(!code.contains(word), "\(name):\(number + 1): \(word)")
        }
        // A constant table of the program, and memory that workers fill without overlap.
        if !name.hasSuffix("Machine/Kernels.swift"), !name.hasSuffix("Memory/WeightBlob.swift") {
          #expect(!code.contains("nonisolated(unsafe)"), "\(name):\(number + 1)")
        }
      }
    }
    let manifest = try String(contentsOf: Files.root.appending(path: "Package.swift"), encoding: .utf8)
    #expect(!manifest.contains("unsafeFlags"))
  }

  @Test func everyFileSaysWhatItHolds() throws {
    for (name, text) in try sources(["Sources", "Tests"]) {
      let file = try #require(name.split(separator: "/").last)
      let isTest = name.hasPrefix("Tests")
      #expect(isTest || text.hasPrefix("// \(file): "), "\(name)")
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false).count
      #expect(lines <= 620 || name.contains("ImageNetLabels"), "\(name) has \(lines) lines")
    }
  }

  /// The Swift that the README quotes is that of Examples/, which is built.
  @Test func theReadmeQuotesTheExamples() throws {
    let readme = try String(contentsOf: Files.root.appending(path: "README.md"), encoding: .utf8)
    var snippets: [String: String] = [:]
    for (_, text) in try sources(["Examples/Sources"]) {
      for part in text.components(separatedBy: "// snippet: ").dropFirst() {
        let body = try #require(part.components(separatedBy: "// end\n").first)
        let name = try #require(body.split(separator: "\n").first)
        // A snippet inside of a `do` is indented, and so is the line of its end.
        let lines = body.dropFirst(name.count + 1).split(separator: "\n", omittingEmptySubsequences: false)
        let indent = lines.first?.prefix { $0 == " " } ?? ""
        snippets[String(name)] = lines.map {
          String($0.hasPrefix(indent) ? $0.dropFirst(indent.count) : $0)
        }.joined(separator: "\n")
      }
    }
    let quotes = readme.components(separatedBy: "<!-- snippet: ").dropFirst()
    #expect(!quotes.isEmpty && quotes.count == readme.components(separatedBy: "```swift").count - 1)
    for quote in quotes {
      let name = try #require(quote.components(separatedBy: " -->").first)
      let body = try #require(quote.components(separatedBy: "```swift\n").dropFirst().first)
      #expect(body.components(separatedBy: "```")[0] == snippets[name], "README.md: snippet \(name)")
    }
  }

  /// The README's table of networks is what `models` says.
  @Test func theReadmeListsTheZoo() throws {
    let readme = try String(contentsOf: Files.root.appending(path: "README.md"), encoding: .utf8)
    for entry in Zoo.entries {
      let graph = try entry.architecture().graph()
      let line = try #require(
        readme.split(separator: "\n").first { $0.hasPrefix("| `\(entry.name)` |") }, "\(entry.name)")
      let digits = String(graph.parameterCount).reversed().enumerated().reduce(into: "") { text, digit in
        if digit.offset > 0 && digit.offset % 3 == 0 { text.append(",") }
        text.append(digit.element)
      }
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      try #require(cells.count == 5, "\(entry.name)")
      #expect(cells[1] == String(digits.reversed()), "\(entry.name)")
      // 568.7 M, 11.28 G: the printed digits are those of the count, rounded.
      let adds = cells[2].split(separator: " ")
      let unit = try #require(["M": 1e6, "G": 1e9][String(adds.last ?? "")])
      let decimals = adds[0].split(separator: ".").last?.count ?? 0
      let printed = String(format: "%.\(decimals)f", Double(graph.multiplyAdds) / unit)
      #expect(String(adds[0]) == printed, "\(entry.name)")
      let top1 = entry.published.map { String(format: "%.1f", $0.top1) }
      #expect(cells[3] == top1 ?? "–", "\(entry.name)")
      if let source = entry.published?.source { #expect(cells[4] == source, "\(entry.name)") }
    }
  }

  @Test func pagesThatAreLinkedExist() throws {
    var links = 0
    for (name, text) in try sources(["Documentation", "Scripts", "Examples/photos"], ["md"]) + [
      ("README.md", String(contentsOf: Files.root.appending(path: "README.md"), encoding: .utf8))
    ] {
      let folder = Files.root.appending(path: name).deletingLastPathComponent()
      for part in text.components(separatedBy: "](").dropFirst() {
        let target = String(part.prefix { $0 != ")" && $0 != "#" })
        guard !target.isEmpty, !target.hasPrefix("http") else { continue }
        links += 1
        #expect(
          FileManager.default.fileExists(atPath: folder.appending(path: target).path), "\(name): \(target)")
      }
    }
    #expect(links > 5)
  }

  /// Every public error says whose affair it is.
  @Test func everyPublicErrorHasACategory() throws {
    let files = try sources(["Sources"])
    let all = files.map(\.text).joined(separator: "\n")
    var errors: [String] = []
    for line in all.split(separator: "\n") where line.contains("Error") {
      guard let match = line.firstMatch(of: /(?:public|package) (?:enum|struct) (\w+): .*\bError\b/) else {
        continue
      }
      errors.append(String(match.1))
    }
    #expect(errors.count >= 16)
    for name in errors {
      let conforms =
        all.contains("extension \(name): SwiftletError") || all.contains(".\(name): SwiftletError")
      #expect(conforms, "\(name)")
    }
    #expect(VisionError.notAnImage(file: "x").category == .file)
    #expect(PlanError.unplaced(network: "x", step: "y", value: 1).category == .fault)
    #expect(GraphError.duplicateName("x").category == .usage)
    #expect(AtomicFileError.diskFull(path: "x").category == .resources)
  }

  /// A type is public if the façades export it, and `package` otherwise. The protocols of a backend and the types that only
  /// stand in signatures are public without being exported: an application meets their values and has no need of their names.
  @Test func whatIsPublicIsExported() throws {
    let unexported: Set = [
      "Backend", "Cost", "GradientContext", "Node", "Plan", "Sample", "Session", "StepRates",
      "TrainingSession",
    ]
    let exported = Set(
      try sources(["Sources/SwiftletInference", "Sources/Swiftlet"])
        .flatMap { $0.text.matches(of: /@_exported import \w+ \w+\.(\w+)/).map { String($0.1) } })
    let modules = [
      "Core", "Graph", "CPU", "Architectures", "Vision", "Weights", "Formats", "Data", "Training",
    ]
    var declared: Set<String> = []
    for line in try sources(modules.map { "Sources/Swiftlet\($0)" }).flatMap({
      $0.text.split(separator: "\n")
    }) {
      let declaration =
        /^(?:@\w+ )*public (?:final |indirect )?(?:struct|class|enum|protocol|typealias|func|var|let) (\w+)/
      if let match = line.firstMatch(of: declaration) { declared.insert(String(match.1)) }
    }
    #expect(declared.count > 100)
    #expect(declared.subtracting(unexported) == exported)
    #expect(unexported.isSubset(of: declared))
  }
}
