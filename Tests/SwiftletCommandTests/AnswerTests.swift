// AnswerTests.swift: the forms of answers: tables, JSON, one logit, exit statuses, pipes that break, wide characters.

import Foundation
import ModelSupport
import SwiftletModules
import TestSupport
import Testing

/// Comma-separated values taken apart by RFC 4180, without the code under test.
func csv(_ text: String) -> [[String]] {
  var rows: [[String]] = []
  var row: [String] = []
  var cell = ""
  var isQuoted = false
  var characters = Array(text)[...]
  while let character = characters.popFirst() {
    switch character {
    case "\"" where isQuoted && characters.first == "\"":
      cell.append("\"")
      characters.removeFirst()
    case "\"": isQuoted.toggle()
    case "," where !isQuoted:
      row.append(cell)
      cell = ""
    case "\n" where !isQuoted:
      rows.append(row + [cell])
      (row, cell) = ([], "")
    default: cell.append(character)
    }
  }
  return rows
}

@Suite struct AnswerTests {
  /// Whether text is a number of JSON, whose reader here rounds the last digit.
  private func isClose(_ text: String, _ number: Any?) -> Bool {
    guard let first = Double(text), let second = number as? Double else { return false }
    return abs(first - second) <= 1e-15
  }

  // MARK: Tables

  @Test func classifyWritesATable() throws {
    try Workplace.with { place in
      let photo = try Data(contentsOf: URL(filePath: place.photo))
      for name in ["a, b.jpg", "say \"owl\".jpg", "two\nlines.jpg"] {
        try photo.write(to: place.folder.appending(path: name))
      }
      let bad = try place.file("notes.jpg", "these are notes".utf8)
      let files = ["a, b.jpg", bad, "say \"owl\".jpg", "two\nlines.jpg"]
      let run = try Tool.run(
        ["classify"] + files + ["--weights", place.model, "--csv", "--top", "2"], in: place.folder)
      #expect(run.status == 1 && run.errors.filter(\.isNewline).count == 1, "\(run)")
      let rows = csv(run.output)
      #expect(rows[0] == ["file", "label", "probability", "label_2", "probability_2", "error"])
      #expect(rows.dropFirst().map { $0[0] } == files)
      #expect(rows.allSatisfy { $0.count == 6 })
      #expect(rows[2][1...4].allSatisfy(\.isEmpty) && rows[2][5].contains("a text file"))
      let json = try Tool.run(["classify", place.photo, "--weights", place.model, "--json", "--top", "2"])
      let predictions = try #require(try object(json.output)["predictions"] as? [[String: Any]])
      #expect(rows[1][1] == predictions[0]["label"] as? String)
      #expect(isClose(rows[1][2], predictions[0]["probability"]))
      #expect(isClose(rows[1][4], predictions[1]["probability"]))

      let usual = try Tool.run(["classify", place.photo, "--weights", place.model, "--csv"])
      #expect(csv(usual.output).map(\.count) == [12, 12])
      let high = try Tool.run([
        "classify", place.photo, "--weights", place.model, "--csv", "--threshold", "1",
      ])
      #expect(csv(high.output)[1].dropFirst().allSatisfy(\.isEmpty) && high.status == 0)
      let both = try Tool.run(["classify", place.photo, "--weights", place.model, "--csv", "--json"])
      #expect(both.status == 2 && both.isCleanFailure(naming: "--json and --csv"))
    }
  }

  @Test func labelsWithCommasAreQuoted() throws {
    try Workplace.with { place in
      let labels = try place.file(
        "labels.txt", (0..<10).map { "thing \($0), \"so called\"\n" }.joined().utf8)
      let output = place.folder.appending(path: "named.safetensors").path
      #expect(try Tool.run(["convert", place.model, "--labels", labels, "--output", output]).status == 0)
      let run = try Tool.run(["classify", place.photo, "--weights", output, "--csv", "--top", "1"])
      #expect(csv(run.output)[1][1].hasSuffix(", \"so called\""), "\(run)")
    }
  }

  // MARK: Vectors

  @Test func embedNamesItsRows() throws {
    try Workplace.with { place in
      let photo = try Data(contentsOf: URL(filePath: place.photo))
      let root = place.folder.appending(path: "photos")
      try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
      for name in ["b.jpg", "a, b.jpg"] { try photo.write(to: root.appending(path: name)) }
      try photo.prefix(2000).write(to: root.appending(path: "broken.jpg"))
      let names = ["a, b.jpg", "b.jpg"].map { "\(root.path)/\($0)" }
      let output = place.folder.appending(path: "h.npy").path

      let refused = try Tool.run(["embed", root.path, "--weights", place.model, "--output", output])
      #expect(refused.isCleanFailure(naming: "broken.jpg"), "\(refused)")
      #expect(!FileManager.default.fileExists(atPath: output))
      let run = try Tool.run([
        "embed", root.path, "--weights", place.model, "--output", output, "--skip-broken",
      ])
      #expect(
        run.status == 0 && run.errors.contains("left out: ") && run.errors.contains("broken.jpg"), "\(run)")
      #expect(run.output.contains("h.csv"))
      let vectors = try readNumpy(URL(filePath: output))
      #expect(vectors.shape == [2, 256])
      let list = try String(contentsOf: place.folder.appending(path: "h.csv"), encoding: .utf8)
      #expect(csv(list) == [["row", "file"], ["0", names[0]], ["1", names[1]]])

      let table = place.folder.appending(path: "t.csv")
      let written = try Tool.run([
        "embed", root.path, "--weights", place.model, "--output", table.path, "--skip-broken",
      ])
      #expect(written.status == 0, "\(written)")
      let rows = csv(try String(contentsOf: table, encoding: .utf8))
      #expect(rows[0].prefix(2) == ["file", "feature_0"] && rows[0].count == 257)
      #expect(rows.dropFirst().map { $0[0] } == names)
      #expect(
        rows.dropFirst().flatMap { $0.dropFirst().compactMap(Float.init) } == vectors.values.map(Float.init))
      let printed = try Tool.run(["embed", root.path, "--weights", place.model, "--csv", "--skip-broken"])
      #expect(csv(printed.output) == rows && printed.status == 0)

      let lines = try Tool.run(["embed", root.path, "--weights", place.model, "--json"])
      #expect(lines.status == 1 && lines.lines.count == 3)
      let first = try object(try #require(lines.lines.first))
      #expect(first["file"] as? String == names[0] && first["model"] as? String == "mobilenet_v1")
      #expect((first["features"] as? [Double])?.count == 256)
      let skipped = try Tool.run(["embed", root.path, "--weights", place.model, "--skip-broken"])
      #expect(skipped.status == 0 && skipped.lines.count == 2)

      let none = try Tool.run([
        "embed", root.path + "/broken.jpg", root.path + "/broken.jpg", "--weights", place.model, "--output",
        output,
        "--skip-broken",
      ])
      #expect(none.status == 1 && none.errors.contains("none of the 2 images could be read"), "\(none)")
      let mixed = try Tool.run([
        "embed", root.path, "--weights", place.model, "--output", output, "--json",
      ])
      #expect(mixed.status == 2 && mixed.isCleanFailure(naming: "--output"))
    }
  }

  // MARK: Evaluation

  /// A model with two names of its own, and a folder of images for each.
  private func evaluated(_ more: [String], labels: [String]) throws -> (ToolRun, [String]) {
    try Workplace.with2 { place in
      let list = try place.file(
        "labels.txt", (labels + (labels.count..<10).map { "other \($0)" }).joined(separator: "\n").utf8)
      let model = place.folder.appending(path: "named.safetensors").path
      #expect(try Tool.run(["convert", place.model, "--labels", list, "--output", model]).status == 0)
      let data = place.folder.appending(path: "data")
      let photo = try Data(contentsOf: URL(filePath: place.photo))
      var names: [String] = []
      for label in labels.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
        let folder = data.appending(path: label)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for name in ["1.jpg", "2, so.jpg"] {
          try photo.write(to: folder.appending(path: name))
          names.append("\(data.path)/\(label)/\(name)")
        }
      }
      return (try Tool.run(["evaluate", "--data", data.path, "--weights", model] + more), names)
    }
  }

  @Test func evaluateListsItsPredictions() throws {
    let labels = ["apple", "pear"]
    let (table, names) = try evaluated(["--csv"], labels: labels)
    #expect(table.status == 0 && table.errors.isEmpty, "\(table)")
    let rows = csv(table.output)
    #expect(rows[0] == ["file", "class", "predicted", "probability", "correct"])
    let endings = names.map { $0.split(separator: "/").suffix(3).joined(separator: "/") }
    #expect(rows.dropFirst().map { $0[0].split(separator: "/").suffix(3).joined(separator: "/") } == endings)
    #expect(rows.dropFirst().map { $0[1] } == ["apple", "apple", "pear", "pear"])
    #expect(rows.dropFirst().allSatisfy { $0[4] == ($0[1] == $0[2] ? "true" : "false") })
    #expect(rows.dropFirst().allSatisfy { (0.1...1).contains(Double($0[3]) ?? -1) })

    let (json, _) = try evaluated(["--json"], labels: labels)
    let result = try object(json.output)
    let predictions = try #require(result["predictions"] as? [[String: Any]])
    #expect(predictions.map { $0["class"] as? String } == ["apple", "apple", "pear", "pear"])
    #expect(predictions.map { $0["predicted"] as? String } == rows.dropFirst().map { $0[2] })
    #expect(zip(predictions, rows.dropFirst()).allSatisfy { isClose($1[3], $0["probability"]) })
    let right = predictions.filter { $0["class"] as? String == $0["predicted"] as? String }.count
    #expect(result["top1"] as? Double == Double(right) / 4)
    for key in ["data", "model", "perClass", "top1", "top5", "loss", "confusion", "mistakes", "count"] {
      #expect(result[key] != nil, "\(key)")
    }
  }

  @Test func columnsHoldWithWideCharacters() throws {
    let (run, _) = try evaluated([], labels: ["苹果", "pear", "🍌 ü"])
    #expect(run.status == 0, "\(run)")
    func cells(_ text: some StringProtocol) -> Int {
      text.reduce(0) { $0 + (("苹果🍌").contains($1) ? 2 : 1) }
    }
    // The number of images stands at the same cell in each row.
    let rows = run.lines.prefix { !$0.hasPrefix("confusion") }.filter {
      $0.hasPrefix("苹") || $0.hasPrefix("p") || $0.hasPrefix("🍌")
    }
    #expect(rows.count == 3, "\(run)")
    let ends = try rows.map { row in
      cells(row[..<(try #require(row.range(of: " 2 ")).upperBound)])
    }
    #expect(Set(ends).count == 1, "\(run)")
  }

  // MARK: One logit

  @Test func oneLogitIsAProbability() throws {
    try Files.withScratch { folder in
      let path = folder.appending(path: "one.safetensors").path
      let model = try graphModel(classes: 1)
      try model.save(to: path)
      let photo = Files.root.appending(path: "Examples/photos/apples.jpg").path
      let logit = try Classifier(model)(RGBImage(contentsOf: photo)).logits[0]
      let probability = 1 / (1 + exp(-Double(logit)))
      let run = try Tool.run(["classify", photo, "--weights", path, "--json"])
      let predictions = try #require(try object(run.output)["predictions"] as? [[String: Any]])
      #expect(predictions.count == 1, "\(run)")
      let printed = try #require(predictions[0]["probability"] as? Double)
      #expect(abs(printed - probability) < 1e-6 && probability > 0.001 && probability < 0.999)
      #expect(try object(run.output)["model"] as? String == "exported")
      let above = try Tool.run([
        "classify", photo, "--weights", path, "--threshold", "\(min(1, probability + 0.001))",
      ])
      #expect(above.status == 0 && above.output.contains("no class above the threshold"), "\(above)")
      let below = try Tool.run([
        "classify", photo, "--weights", path, "--threshold", "\(probability - 0.001)", "--csv",
      ])
      #expect(csv(below.output)[0] == ["file", "label", "probability", "error"])
      #expect(Double(csv(below.output)[1][2]).map { abs($0 - probability) < 1e-6 } == true, "\(below)")
    }
  }

  @Test(.enabled(if: Files.shared("reports/ckpt/one_logit.pth") != nil, "needs ../shared/reports"))
  func theReportedModelOfOneLogitGivesAProbability() throws {
    let weights = try #require(Files.shared("reports/ckpt/one_logit.pth")).path
    let photo = Files.root.appending(path: "Examples/photos/apples.jpg").path
    let run = try Tool.run(["classify", photo, "--weights", weights, "--json"])
    #expect(run.status == 0, "\(run)")
    let predictions = try object(run.output)["predictions"] as? [[String: Any]]
    let probability = try #require(predictions?.first?["probability"] as? Double)
    #expect(probability > 0 && probability < 0.9999)
  }

  // MARK: Exit statuses and pipes

  @Test func wrongUsageAndFailuresHaveTheirStatuses() throws {
    let photo = Files.root.appending(path: "Examples/photos/apples.jpg").path
    let usage = [
      ["clasify"], ["classify"], ["classify", "--nope", photo], ["classify", photo, "--top"],
      ["classify", photo, "--top", "x"], ["evaluate"], ["preprocess", photo], ["models", "extra"],
      ["classify", photo, "--model", "embedded", "--threshold", "2"],
    ]
    for words in usage {
      let run = try Tool.run(words)
      #expect(run.status == 2 && run.isCleanFailure(), "\(words): \(run)")
    }
    let failures = [
      ["classify", "/nonexistent.jpg", "--model", "embedded"],
      ["classify", photo, "--weights", "/nonexistent.pth"], ["classify", photo, "--model", "mobilenet_v2"],
      ["preprocess", photo, "--model", "embedded", "--output", "/nonexistent/x.npy"],
    ]
    for words in failures {
      let run = try Tool.run(words)
      #expect(run.status == 1 && run.isCleanFailure(), "\(words): \(run)")
    }
    #expect(try Tool.run(["--version"]).status == 0)
  }

  @Test func aReaderThatGoesAwayEndsTheToolInSilence() throws {
    // Long outputs, and readers that have gone before the first byte.
    let scripts = [
      "\"$0\" models | head -n 3 >/dev/null; echo ${PIPESTATUS[0]}",
      "{ sleep 0.3; \"$0\" summary mobilenet_v2 --layers; } | true; echo ${PIPESTATUS[0]}",
      "{ sleep 0.3; \"$0\" models; } | true; echo ${PIPESTATUS[0]}",
      "{ sleep 0.3; \"$0\" inspect mobilenet_v2; } | true; echo ${PIPESTATUS[0]}",
      "{ sleep 0.3; \"$0\" --help; } | true; echo ${PIPESTATUS[0]}",
    ]
    for (index, script) in scripts.enumerated() {
      let run = try Shell.run(script)
      #expect(run.errors.isEmpty, "\(script): \(run)")
      let status = run.output.trimmingCharacters(in: .whitespacesAndNewlines)
      #expect(index == 0 ? ["0", "141"].contains(status) : status == "141", "\(script): \(run)")
    }
    // A full disk is an error still.
    let full = try Shell.run("\"$0\" models > /dev/full")
    #expect(full.isCleanFailure(naming: "cannot write the output"), "\(full)")
  }

  // MARK: Progress

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/script"), "needs script(1)"))
  func evaluateShowsItsProgressInATerminal() throws {
    let (run, _) = try evaluated(["--csv"], labels: ["apple", "pear"])
    #expect(run.errors.isEmpty)
    try Workplace.with { place in
      let data = place.folder.appending(path: "data")
      let photo = try Data(contentsOf: URL(filePath: place.photo))
      for label in ["label 1", "label 2"] {
        let folder = data.appending(path: label)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for name in 0..<3 { try photo.write(to: folder.appending(path: "\(name).jpg")) }
      }
      let run = try Shell.run(
        "script -qec \"'$0' evaluate --data '$1' --weights '$2'\" /dev/null", [data.path, place.model])
      #expect(run.status == 0 && run.output.contains("1/6") && run.output.contains("█"), "\(run)")
    }
  }
}

extension Workplace {
  /// As ``with(_:)``, with a result.
  static func with2<Result>(_ body: (Workplace) throws -> Result) throws -> Result {
    var result: Result?
    try with { result = try body($0) }
    return try #require(result)
  }
}
