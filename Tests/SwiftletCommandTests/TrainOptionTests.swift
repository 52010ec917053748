// TrainOptionTests.swift: recipes, architectures, resuming and the range test as a user meets them.

import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct TrainOptionTests {

  /// A folder of pictures, and a run of one epoch on them.
  private func withRun(_ body: (_ scratch: URL, _ data: URL, _ run: URL) throws -> Void) throws {
    try Files.withScratch { scratch in
      let data = try TrainCommandTests().makePhotographs(in: scratch)
      let output = scratch.appending(path: "run")
      let result = try Tool.run([
        "train", "--data", data.path, "--model", "cifar_se_resnet20", "--recipe", "quick", "--batch", "8",
        "--epochs", "1", "--threads", "1", "--output", output.path,
      ])
      #expect(result.status == 0, "\(result.errors)")
      try body(scratch, data, output)
    }
  }

  @Test func aFolderIsEnoughToResume() throws {
    try withRun { scratch, data, output in
      let more = try Tool.run(["train", "--resume", output.path, "--epochs", "3", "--threads", "2", "--json"])
      #expect(more.status == 0, "\(more.errors)")
      #expect(more.output.split(separator: "\n").count == 3)
      // A run of three epochs from the start has another schedule, and the same first epoch only if the schedule were the same;
      // a second resume adds nothing and changes nothing.
      let metrics = try String(contentsOf: output.appending(path: "metrics.csv"), encoding: .utf8)
      let again = try Tool.run(["train", "--resume", output.path, "--json"])
      #expect(again.status == 0 && again.output == more.output)
      #expect(try String(contentsOf: output.appending(path: "metrics.csv"), encoding: .utf8) == metrics)
      let fewer = try Tool.run(["train", "--resume", output.path, "--epochs", "2"])
      #expect(fewer.status != 0 && fewer.errors.contains("has 3 epochs already"), "\(fewer.errors)")
      let other = try Tool.run(["train", "--resume", output.path, "--batch", "4"])
      #expect(
        other.status != 0 && other.errors.contains("is of another run") && other.errors.contains("--from"))
      let nothing = try Tool.run(["train", "--resume", scratch.appending(path: "none").path])
      #expect(nothing.status != 0 && nothing.errors.contains("has no run to go on with"), "\(nothing.errors)")
    }
  }

  @Test func runsAreComparedAndAnswerByDefault() throws {
    try withRun { scratch, data, output in
      let (page, other) = (scratch.appending(path: "runs.html"), scratch.appending(path: "other"))
      let second = try Tool.run([
        "train", "--data", data.path, "--model", "cifar_resnet20", "--recipe", "fast", "--batch", "8",
        "--epochs", "2", "--threads", "1", "--output", other.path,
      ])
      #expect(second.status == 0, "\(second.errors)")
      let runs = [output.path, other.path]
      let table = try Tool.run(["compare"] + runs + ["--output", page.path])
      #expect(table.status == 0 && table.lines.count == 5, "\(table)")
      #expect(table.output.contains("cifar_se_resnet20") && table.output.contains("cifar_resnet20"))
      let html = try String(contentsOf: page, encoding: .utf8)
      #expect(html.contains("Validation top-1 over the time") && html.contains("Training loss"))
      let json = try Tool.run(["compare"] + runs + ["--json"])
      #expect(json.output.contains("\"epochs\":1") && json.output.contains("\"epochs\":2"))
      for wrong in [
        ["compare", output.path, "mobilenet_v1"], ["compare"] + runs + ["--width", "0.5"],
        ["compare"] + runs + ["--rows"], ["compare"] + runs + ["--output", "runs.png"],
        ["compare", "mobilenet_v1", "mobilenet_v2", "--output", page.path],
      ] { #expect(try Tool.run(wrong).isCleanFailure(), "\(wrong)") }

      // The model of the environment answers where a command names none.
      let photo = try #require(
        FileManager.default.enumerator(at: data, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL }
          .first { !$0.hasDirectoryPath }
      ).path
      func classify(_ options: [String], _ model: String) throws -> ToolRun {
        try Tool.run(
          ["classify", photo, "--json"] + options, environment: ["SWIFTLET_MODEL": model])
      }
      let named = try Tool.run(["classify", photo, "--json", "--weights", output.path])
      #expect(named.status == 0 && !named.output.isEmpty, "\(named.errors)")
      #expect(try classify([], output.path).output == named.output)
      #expect(try classify(["--weights", other.path], output.path).output != named.output)
      #expect(try classify([], "/nonexistent/model").isCleanFailure(naming: "/nonexistent/model"))
    }
  }

  @Test func anEvaluationHasAPage() throws {
    try withRun { scratch, data, output in
      let page = scratch.appending(path: "page.html")
      let common = ["evaluate", "--data", data.path, "--weights", output.path, "--json"]
      let plain = try Tool.run(common)
      let run = try Tool.run(common + ["--report", page.path])
      #expect(run.status == 0 && run.output == plain.output, "\(run.errors)")
      let html = try String(contentsOf: page, encoding: .utf8)
      for text in ["Evaluation", "Squeeze and excitation", "Confusion", "cifar_se_resnet20", data.path] {
        #expect(html.contains(text), "\(text)")
      }
      #expect(!html.contains("No epoch"))
      // The mean of both logits is another probability.
      let mirrored = try Tool.run(common + ["--mirror"])
      #expect(mirrored.status == 0 && mirrored.output != plain.output)
      #expect(
        try Tool.run(common + ["--report", scratch.appending(path: "page.pdf").path])
          .isCleanFailure(naming: "does not end in .html"))
    }
  }

  @Test func anEditedArchitectureIsTrainedOrRefused() throws {
    try withRun { scratch, data, output in
      let config = try String(contentsOf: output.appending(path: "config.json"), encoding: .utf8)
      let edited = scratch.appending(path: "edited.json")
      try config.replacing("\"reduction\" : 16", with: "\"reduction\" : 4").write(
        to: edited, atomically: true, encoding: .utf8)
      #expect(config.contains("\"reduction\" : 16"))
      let common = ["train", "--data", data.path, "--recipe", edited.path, "--threads", "1"]
      let ignored = try Tool.run(
        common + ["--model", "cifar_se_resnet20", "--output", scratch.appending(path: "a").path])
      #expect(ignored.status != 0 && ignored.errors.contains("would be ignored"), "\(ignored.errors)")
      let used = scratch.appending(path: "b")
      let trained = try Tool.run(common + ["--output", used.path])
      #expect(trained.status == 0, "\(trained.errors)")
      let written = try String(contentsOf: used.appending(path: "config.json"), encoding: .utf8)
      #expect(written.contains("\"reduction\" : 4") && !written.contains("\"reduction\" : 16"))
      // A run's own config.json, which nobody edited, is a recipe for any network.
      let plain = try Tool.run([
        "train", "--data", data.path, "--recipe", output.appending(path: "config.json").path, "--model",
        "cifar_resnet20", "--threads", "1", "--output", scratch.appending(path: "c").path,
      ])
      #expect(plain.status == 0, "\(plain.errors)")
    }
  }

  @Test func aTableAsJSONIsTrained() throws {
    try Files.withScratch { scratch in
      let data = try TrainCommandTests().makePhotographs(in: scratch)
      let table = try Tool.run(["inspect", "cifar_mobilenet_v2", "--stage", "architecture"])
      let file = scratch.appending(path: "mine.json")
      try table.output.replacing("\"relu6\"", with: "\"relu\"").write(
        to: file, atomically: true, encoding: .utf8)
      let summary = try Tool.run(["summary", file.path])
      #expect(summary.status == 0 && summary.output.contains("RE") && !summary.output.contains("R6"))
      let output = scratch.appending(path: "run")
      let trained = try Tool.run([
        "train", "--data", data.path, "--model", file.path, "--recipe", "quick", "--epochs", "1", "--batch",
        "8",
        "--threads", "1", "--output", output.path,
      ])
      #expect(trained.status == 0, "\(trained.errors)")
      let config = try String(contentsOf: output.appending(path: "config.json"), encoding: .utf8)
      #expect(config.contains("\"relu\"") && !config.contains("\"relu6\""))
      let dialect = try Tool.run(["summary", file.path, "--dialect", "timm"])
      #expect(dialect.status != 0 && dialect.errors.contains("is of the dialect paper, not timm"))
    }
  }

  @Test func recipesArePrintedAndMistakesNamed() throws {
    let printed = try Tool.run([
      "train", "--recipe", "fine-tune", "--print-recipe", "--epochs", "5", "--augment",
      "trivial-augment,flip", "--patience", "2",
      "--target-accuracy", "92", "--mirror", "--class-weights", "--layer-decay", "0.7",
    ])
    #expect(printed.status == 0, "\(printed.errors)")
    for part in [
      "\"epochs\" : 5", "\"trivialAugment\"", "\"patience\" : 2", "\"targetScore\" : 0.92",
      "\"mirrorsEvaluation\" : true",
      "\"balancesClasses\" : true", "\"layerDecay\" : 0.7",
    ] { #expect(printed.output.contains(part), "\(part)") }
    for (arguments, part) in [
      (["--augment", "spin"], "unknown augmentation 'spin'"),
      (["--layer-decay", "2"], "decay of layers' rates"),
      (["--patience", "0"], "patience must be at least 1"), (["--target-accuracy", "0"], "score to reach"),
    ] {
      let result = try Tool.run(["train", "--print-recipe"] + arguments)
      #expect(result.status != 0 && result.errors.contains(part), "\(result.errors)")
    }
  }

  @Test func theRangeTestPrintsAndPlots() throws {
    try Files.withScratch { scratch in
      let data = try TrainCommandTests().makePhotographs(in: scratch)
      let output = scratch.appending(path: "range")
      let arguments = [
        "train", "--data", data.path, "--model", "cifar_mobilenet_v3_small", "--width", "0.25", "--recipe",
        "quick", "--batch", "8",
        "--threads", "1", "--find-rate", "--output", output.path,
      ]
      let json = try Tool.run(arguments + ["--json"])
      #expect(json.status == 0 && json.output.contains("\"points\""), "\(json.errors)")
      let page = try String(contentsOf: output.appending(path: "find-rate.html"), encoding: .utf8)
      #expect(page.contains("<svg") && page.contains("learning rate"))
      // Nothing of a run is there.
      #expect(!FileManager.default.fileExists(atPath: output.appending(path: "config.json").path))
      let text = try Tool.run(arguments)
      #expect(text.status == 0 && text.output.contains("plot: "))
    }
  }

  @Test func ablationsAreCompared() throws {
    let result = try Tool.run([
      "compare", "mobilenet_v1", "mobilenet_v1@0.5:160", "mobilenet_v2+relu", "--json",
    ])
    #expect(result.status == 0)
    for part in ["\"mobilenet_v1@0.5:160\"", "\"mobilenet_v2+relu\"", "1331592"] {
      #expect(result.output.contains(part))
    }
  }

  @Test func tablesAreCSVAndMarkdown() throws {
    let csv = try Tool.run(["summary", "mobilenet_v2", "--csv"]).lines
    #expect(csv[0] == "input,operator,t/exp,c,n,s,SE,NL,+,output,parameters,multiply-adds")
    #expect(csv.contains { $0.hasPrefix("112×112×32,bottleneck 3×3,1,16,1,1,,\"R6, linear\",,112×112×16,") })
    let columns = csv.map { $0.replacing("R6, linear", with: "").count { $0 == "," } }
    let markdown = try Tool.run(["summary", "mobilenet_v2", "--markdown"]).lines
    #expect(markdown.count == csv.count + 1 && markdown[1].hasPrefix("| --- | --- |"))
    #expect(Set(markdown.map { $0.count { $0 == "|" } }).count == 1)
    #expect(columns.min() ?? 0 >= 11)
  }

  /// Tables of other lengths are compared by the size of the results; the sums are those of the networks.
  @Test func rowsAreAlignedBySize() throws {
    let result = try Tool.run(["compare", "mobilenet_v1", "mobilenet_v2", "--rows"])
    #expect(result.status == 0 && result.lines.contains { $0.contains("14×14") }, "\(result.errors)")
    let three = try Tool.run(["compare", "mobilenet_v1", "mobilenet_v2", "vgg16", "--rows"])
    #expect(three.status != 0 && three.errors.contains("two networks"))
  }
}
