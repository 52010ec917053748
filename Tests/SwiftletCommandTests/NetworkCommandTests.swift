// NetworkCommandTests.swift: models, summary and compare, as a user runs them.

import Foundation
import TestSupport
import Testing

/// A JSON object out of a line of output.
func object(_ line: String) throws -> [String: Any] {
  try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
}

@Suite struct NetworkCommandTests {
  @Test func summaryHasTheKeysThatScriptsRelyOn() throws {
    let run = try Tool.run(["summary", "mobilenet_v1", "--width", "0.75", "--resolution", "160", "--json"])
    #expect(run.status == 0 && run.errors.isEmpty)
    let summary = try object(run.output)
    #expect(summary["name"] as? String == "mobilenet_v1")
    #expect(summary["parameters"] as? Int == 2_585_560)
    #expect(summary["multiplyAdds"] as? Int == 166_396_800)
    #expect(summary["resolution"] as? Int == 160)
    let rows = try #require(summary["rows"] as? [[String: Any]])
    #expect(rows.reduce(0) { $0 + ($1["parameters"] as? Int ?? 0) } == 2_585_560)
    #expect(rows.last?["output"] as? [Int] == [1, 1000])
  }

  @Test func theTableIsThePapers() throws {
    let run = try Tool.run(["summary", "mobilenet_v2"])
    #expect(run.status == 0)
    for line in [
      "112×112×16  bottleneck 3×3           6    24  2  2  –    R6, linear  1  56×56×24        13,968     54,942,720",
      "3,504,872 parameters, 300,774,272 multiply-adds",
    ] { #expect(run.output.contains(line)) }
  }

  @Test func layersAreListed() throws {
    let run = try Tool.run(["summary", "mobilenet_v3_small", "--layers"])
    #expect(run.output.contains("stages.0.0.squeeze.reduce"))
    let json = try object(try Tool.run(["summary", "mobilenet_v3_small", "--layers", "--json"]).output)
    #expect((json["layers"] as? [Any])?.count ?? 0 > 150)
  }

  @Test func modelsListsEveryNetwork() throws {
    let run = try Tool.run(["models", "--json"])
    let names = try run.lines.map { try object($0)["name"] as? String ?? "" }
    #expect(names.count == 40 && Set(names).count == 40)
    #expect(["mobilenet_v2", "senet154", "cifar_se_resnet20"].allSatisfy(names.contains))
    #expect(try Tool.run(["models"]).output.contains("3,504,872"))
  }

  @Test func presetsMakeThePapersComparisons() throws {
    let vgg = try object(try Tool.run(["compare", "--preset", "vgg", "--json"]).output)
    let networks = try #require(vgg["networks"] as? [[String: Any]])
    let ratios = try #require(networks[1]["ratios"] as? [String: Double])
    #expect(try 1 / #require(ratios["parameters"]) > 32)
    let difference =
      (networks[0]["publishedTop1"] as? Double ?? 0) - (networks[1]["publishedTop1"] as? Double ?? 0)
    #expect(abs(difference - 0.9) < 1e-9)

    let separable = try object(try Tool.run(["compare", "--preset", "separable", "--json"]).output)
    let rows = try #require(separable["rows"] as? [[String: Any]])
    for row in rows {
      guard row["second"] as? String == "dw 3×3 + pw 1×1" else { continue }
      let channels = try #require((row["output"] as? [Int])?.last)
      // arXiv 1704.04861, section 3.1: 1/N + 1/k².
      let ratio = try #require(row["ratio"] as? Double)
      #expect(abs(ratio - (1 / Double(channels) + 1 / 9)) < 0.02)
    }
    #expect(rows.count == 11)
  }

  @Test func comparisonsAreWithTheFirst() throws {
    let run = try Tool.run(["compare", "mobilenet_v1", "mobilenet_v2", "resnet50"])
    #expect(run.status == 0)
    #expect(run.output.contains("1/1.89") && run.output.contains("6.04"))
  }

  @Test func helpIsThereForEveryCommand() throws {
    let help = try Tool.run(["--help"])
    #expect(help.status == 0)
    for command in [
      "classify", "models", "summary", "compare", "pull", "preprocess", "convert", "bench", "tune",
      "inspect",
    ] {
      #expect(help.output.contains("  \(command)"))
      let own = try Tool.run([command, "--help"])
      #expect(own.status == 0 && own.output.hasPrefix("USAGE: swiftlet \(command)"))
      #expect(try Tool.run(["help", command]).output == own.output)
      #expect(own.output.contains("--json") && own.output.contains("EXAMPLES:"))
    }
    #expect(try Tool.run(["--version"]).output == "swiftlet 0.1.0\n")
    #expect(try Tool.run([]).status == 2)
  }

  @Test(arguments: [
    (["fly"], "unknown command 'fly'"), (["summary"], "needs MODEL"),
    (["summary", "mobilenet_v5"], "did you mean 'mobilenet_v"),
    (["summary", "mobilenetv2"], "did you mean 'mobilenet_v2'"),
    (["summary", "mobilenet_v2", "--width", "0"], "width multiplier"),
    (["summary", "mobilenet_v2", "--width", "-1"], "width multiplier"),
    (["summary", "mobilenet_v2", "--width", "nan"], "width multiplier"),
    (["summary", "mobilenet_v2", "--width", "wide"], "'wide'"),
    (["summary", "mobilenet_v2", "--resolution", "7"], "32 to 4096 pixels"),
    (["summary", "mobilenet_v2", "--resolution", "99999999999999999999"], "whole number"),
    (["summary", "mobilenet_v2", "--resolution", "9000000000000000000"], "4096"),
    (["summary", "mobilenet_v2", "--classes", "0"], "classes"),
    (["summary", "resnet50", "--width", "0.5"], "no width multiplier"),
    (["summary", "mobilenet_v2", "--dialect", "klingon"], "paper, torchvision"),
    (["summary", "mobilenet_v2", "--dialect"], "needs a value"),
    (["summary", "mobilenet_v2", "--dialect", "paper", "--dialect", "paper"], "given twice"),
    (["summary", "mobilenet_v2", "--wings"], "unknown option '--wings'"),
    (["summary", "mobilenet_v2", "-x"], "unknown option '-x'"),
    (["summary", "a", "b"], "does not take 'b'"), (["summary", "mobilenet_v2", "--json=yes"], "no value"),
    (["compare", "mobilenet_v2"], "two networks"),
    (["compare", "mobilenet_v1", "resnet18", "vgg16", "--rows"], "rows"),
    (["compare", "--preset", "vgg", "resnet18"], "--preset alone"),
    (["pull", "mobilenet_v7"], "did you mean"), (["pull", "senet154"], "no published weights"),
    (["pull"], "needs a NAME"), (["bench", "mobilenet_v2", "--threads", "0"], "--threads"),
    (["bench", "mobilenet_v2", "--batch", "1,x"], "--batch"),
    (["bench", "mobilenet_v2", "--seconds", "nan"], "--seconds"),
    (["inspect", "mobilenet_v2", "--stage", "attic"], "graph, training, folded, plan"),
    (["inspect", "mobilenet_v2", "--batch", "0"], "--batch"),
    (["classify", "x.jpg", "--threads", "0"], "--threads"),
  ])
  func mistakesAreOneClearLine(arguments: [String], cause: String) throws {
    let run = try Tool.run(arguments)
    #expect(run.isCleanFailure(naming: cause), "\(arguments): \(run)")
    #expect(run.output.isEmpty)
  }

  @Test func benchHasTheKeysThatScriptsRelyOn() throws {
    let run = try Tool.run([
      "bench", "cifar_mobilenet_v2", "--threads", "1,2", "--batch", "1,3", "--seconds", "0.05", "--json",
    ])
    #expect(run.status == 0, "\(run)")
    let results = try run.lines.map(object)
    #expect(
      results.map { $0["threads"] as? Int } == [1, 1, 2, 2]
        && results.map { $0["batch"] as? Int } == [1, 3, 1, 3])
    for result in results {
      #expect(result["model"] as? String == "cifar_mobilenet_v2" && result["resolution"] as? Int == 32)
      let (median, minimum) = (
        result["medianMilliseconds"] as? Double, result["minimumMilliseconds"] as? Double
      )
      #expect(try #require(minimum) > 0 && #require(median) >= #require(minimum))
    }
    let layers = try Tool.run(["bench", "cifar_mobilenet_v2", "--seconds", "0.05", "--layers"])
    #expect(layers.output.contains("stages.2.0.expand") && layers.output.contains("█"))
    #expect(layers.output.contains("of peak"))
    let measured = try object(
      try Tool.run(["bench", "cifar_mobilenet_v2", "--seconds", "0.05", "--layers", "--json"]).output)
    #expect(try #require(measured["peakMultiplyAddsPerSecond"] as? Double) > 1e8)
    let steps = try #require(measured["layers"] as? [[String: Any]])
    #expect(steps.contains { ($0["shareOfPeak"] as? Double ?? 0) > 0.01 })
  }

  @Test func whatTuneMeasuredIsTakenFromThenOn() throws {
    try Files.withScratch { folder in
      let cache = ["SWIFTLET_CACHE": folder.path]
      let options = ["--width", "0.35", "--resolution", "128"]
      let dry = try Tool.run(["tune", "mobilenet_v2", "--dry-run", "--json"] + options, environment: cache)
      let shapes = try dry.lines.map(object).map { try #require($0["shape"] as? String) }
      #expect(dry.status == 0 && shapes.count > 3 && shapes.allSatisfy { $0.contains(" block ") }, "\(dry)")
      let file = folder.appending(path: "tuning.json")
      #expect(!FileManager.default.fileExists(atPath: file.path))
      let tuned = try Tool.run(["tune", "mobilenet_v2"] + options, environment: cache)
      #expect(tuned.status == 0 && FileManager.default.fileExists(atPath: file.path), "\(tuned)")

      // Every shape the other way round, whatever was measured: the plan follows.
      let steps = { (choice: Bool) in
        let table = ["choices": Dictionary(uniqueKeysWithValues: shapes.map { ($0, choice) })]
        try JSONSerialization.data(withJSONObject: table).write(to: file)
        let run = try Tool.run(
          ["bench", "mobilenet_v2", "--seconds", "0.02", "--layers"] + options, environment: cache)
        return run.output.split(separator: "\n").count { $0.contains("inverted residual") }
      }
      #expect(try steps(false) == 0 && steps(true) > 3)
      try Data("[1".utf8).write(to: file)
      for command in [["bench", "mobilenet_v2", "--seconds", "0.02"], ["tune", "mobilenet_v2"] + options] {
        let run = try Tool.run(command, environment: cache)
        #expect(run.isCleanFailure(naming: "tuning.json", "not a table of choices"), "\(run)")
      }
    }
  }

  @Test func inspectPrintsEveryStation() throws {
    let stages = [
      "graph": "batchNorm(", "training": "batchNormTraining(", "folded": "stem.0.bias", "plan": " steps, ",
    ]
    for (stage, mark) in stages {
      let run = try Tool.run(["inspect", "mobilenet_v2", "--stage", stage])
      #expect(run.status == 0 && run.output.contains(mark), "\(stage)")
    }
    let plan = ["inspect", "mobilenet_v2", "--stage", "plan", "--threads", "1", "--json"]
    let json = try object(try Tool.run(plan).output)
    #expect(try #require(json["activationBytes"] as? Int) < 3_000_000)
  }

  @Test func everyInstructionSetThatIsThereCanBeForced() throws {
    let photo = Files.root.appending(path: "Examples/photos/apples.jpg").path
    try Workplace.with { place in
      let answers = try ["portable", ""].map { set in
        try Tool.run(["classify", photo, "--weights", place.model], environment: ["SWIFTLET_ISA": set]).output
      }
      #expect(answers[0] == answers[1] && !answers[0].isEmpty)
      let unknown = try Tool.run(
        ["classify", photo, "--weights", place.model], environment: ["SWIFTLET_ISA": "mmx"])
      #expect(unknown.isCleanFailure(naming: "SWIFTLET_ISA", "'mmx'", "portable"), "\(unknown)")
    }
  }

  @Test func aReaderThatGoesAwayIsNoCrash() throws {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", "\"\(Tool.path)\" models 2>&1 >/dev/full"]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 1 && text.contains("cannot write the output"))
  }
}
