// MultiLabelCommandTests.swift: training on images of several classes each, as a user runs it.

import Foundation
import SwiftletModules
import TestSupport
import Testing

@Suite struct MultiLabelCommandTests {
  /// Makes a set with the project's script; `nil` where there is no Python.
  private func makeShapes(in folder: URL, images: Int) throws -> URL {
    let shapes = folder.appending(path: "shapes")
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [
      "python3", Files.root.appending(path: "Scripts/shapes/render.py").path, shapes.path, "--images",
      "\(images)",
    ]
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return shapes
  }

  /// Whether `python3` runs: the script needs it.
  private static let hasPython: Bool = {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["python3", "-c", ""]
    (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }()

  private func object(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  @Test(.enabled(if: hasPython, "python3 is not here"))
  func trainsEvaluatesClassifies() throws {
    try Files.withScratch { scratch in
      let shapes = try makeShapes(in: scratch, images: 1000)
      let output = scratch.appending(path: "run")
      let arguments = [
        "train", "--task", "multi-label", "--data", shapes.path, "--model", "cifar_resnet20", "--recipe",
        "quick", "--epochs", "4", "--batch", "32", "--learning-rate", "0.3", "--output", output.path,
      ]
      let run = try Tool.run(arguments)
      #expect(run.status == 0 && run.output.contains("7 classes, 800 images, 200 held out"), "\(run)")
      #expect(run.lines.filter { $0.contains("mAP") }.count == 5, "\(run)")

      // The report shows average precision over the epochs and by class, and the worst misses.
      let page = try String(contentsOf: output.appending(path: "report.html"), encoding: .utf8)
      for word in [
        "Validation mAP", ">AP<", "Worst misses", "triangle", "micro F1", "data:image/png;base64,",
      ] {
        #expect(page.contains(word), "\(word)")
      }
      let metrics = try String(contentsOf: output.appending(path: "metrics.csv"), encoding: .utf8)
      #expect(
        metrics.split(separator: "\n")[0].hasSuffix("validation_f1_macro,validation_f1_micro,validation_map"))

      let weights = output.appending(path: "model.safetensors").path
      let evaluation = try object(
        try Tool.run(["evaluate", "--data", shapes.path, "--weights", weights, "--json"]).output)
      let map = try #require(evaluation["map"] as? Double)
      #expect(map > 0.6, "\(map)")
      let last = try #require(
        metrics.split(separator: "\n").dropFirst().map { $0.split(separator: ",").last }
          .compactMap { $0.flatMap { Double($0) } }.max())
      #expect(abs(map - last) < 1e-9)
      let table = try Tool.run([
        "evaluate", "--data", shapes.path, "--weights", weights, "--threshold", "0.4",
      ])
      #expect(table.output.contains("AP %") && table.output.contains("threshold of 0.40"), "\(table)")

      // A line for each image, whose decisions give the F1 of the evaluation.
      let rows = csv(
        try Tool.run(["evaluate", "--data", shapes.path, "--weights", weights, "--csv"]).output)
      #expect(rows.count == 201 && rows[0].prefix(4) == ["file", "classes", "predicted", "correct"])
      var (right, present, found) = (0, 0, 0)
      for row in rows.dropFirst() {
        let (classes, predicted) = (Set(row[1].split(separator: ";")), Set(row[2].split(separator: ";")))
        right += classes.intersection(predicted).count
        (present, found) = (present + classes.count, found + predicted.count)
        #expect(row.count == 11 && row[3] == "\(classes == predicted)")
        let above = zip(rows[0].dropFirst(4), row.dropFirst(4)).filter { (Double($1) ?? 0) >= 0.5 }.map(\.0)
        #expect(Set(above) == Set(predicted.map(String.init)))
      }
      let microF1 = try #require(evaluation["microF1"] as? Double)
      #expect(abs(2 * Double(right) / Double(present + found) - microF1) < 1e-12)

      let pageOfEvaluation = scratch.appending(path: "evaluation.html")
      let mirrored = try Tool.run([
        "evaluate", "--data", shapes.path, "--weights", weights, "--mirror", "--report",
        pageOfEvaluation.path, "--json",
      ])
      #expect(try object(mirrored.output)["loss"] as? Double != evaluation["loss"] as? Double)
      let written = try String(contentsOf: pageOfEvaluation, encoding: .utf8)
      #expect(
        written.contains("Evaluation") && written.contains("Worst misses") && !written.contains("No epoch"))

      // Several labels of one image, all of them above the threshold.
      let photos = (0..<20).map { shapes.appending(path: "images/000\($0 + 10).png").path }
      let answers = try Tool.run(["classify", "--weights", weights, "--json", "--threshold", "0.5"] + photos)
      #expect(answers.status == 0)
      let counts = try answers.lines.map { line -> Int in
        let predictions = try #require(try object(line)["predictions"] as? [[String: Any]])
        #expect(predictions.allSatisfy { ($0["probability"] as? Double ?? 0) >= 0.5 })
        return predictions.count
      }
      #expect(counts.count == 20 && counts.filter { $0 >= 2 }.count >= 5, "\(counts)")
      // Without a threshold it is one half.
      let usual = try Tool.run(["classify", "--weights", weights, "--json"] + photos)
      #expect(usual.output == answers.output)
      let none = try Tool.run(["classify", "--weights", weights, "--threshold", "1", photos[0]])
      #expect(none.status == 0 && none.output.contains("no class above the threshold"), "\(none)")

      // The model says itself what it was trained for.
      #expect(try Model(contentsOf: weights).task.rule == .any(threshold: 0.5))
      let other = try Tool.run(arguments.filter { $0 != "--task" && $0 != "multi-label" } + ["--resume"])
      #expect(other.status == 1 && other.errors.filter(\.isNewline).count == 1, "\(other)")
      #expect(try Tool.run(arguments + ["--resume"]).status == 0)
    }
  }

  @Test func mistakesAreOneLine() throws {
    try Files.withScratch { scratch in
      let list = scratch.appending(path: "list.csv")
      try "a.png,x;y\n".write(to: list, atomically: true, encoding: .utf8)
      func refused(_ arguments: [String], _ part: String) throws {
        let run = try Tool.run(arguments)
        #expect(run.isCleanFailure(naming: part), "\(run)")
      }
      let train = ["train", "--model", "cifar_resnet20", "--data"]
      try refused(train + [scratch.path, "--task", "multi-label"], "labels.csv")
      try refused(train + [list.path, "--task", "segmentation"], "multi-label")
      try refused(["classify", "x.png", "--model", "embedded", "--threshold", "2"], "--threshold")
      try refused(
        ["evaluate", "--data", list.path, "--model", "embedded", "--threshold", "0.5"], "multi-label")
    }
  }
}
