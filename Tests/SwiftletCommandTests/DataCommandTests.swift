// DataCommandTests.swift: data sets on the command line: the overview, three parts, limits, small sets, names of classes.

import Foundation
import SwiftletModules
import TestSupport
import Testing

@Suite(.serialized) struct DataCommandTests {
  /// A picture of its own for each number.
  private func picture(_ number: Int) throws -> Data {
    var state = UInt32(truncatingIfNeeded: number &* 7919 &+ 13)
    let pixels = (0..<(16 * 16 * 3)).map { _ -> UInt8 in
      state = state &* 1_664_525 &+ 1_013_904_223
      return UInt8(state >> 24)
    }
    return Data(try RGBImage(width: 16, height: 16, pixels: pixels).pngBytes())
  }

  private func write(_ root: URL, _ files: [String]) throws {
    for (number, file) in files.enumerated() {
      let url = root.appending(path: file)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try picture(number).write(to: url)
    }
  }

  private func files(_ part: String, _ count: Int) -> [String] {
    ["cat", "dog"].flatMap { name in (0..<count).map { "\(part)/\(name)/\(part)\($0).png" } }
  }

  private func object(_ text: some StringProtocol) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  private func train(_ data: URL, _ output: URL, _ more: [String] = []) -> [String] {
    [
      "train", "--data", data.path, "--model", "cifar_resnet20", "--recipe", "quick", "--epochs", "2",
      "--threads", "1", "--output",
      output.path,
    ] + more
  }

  @Test func theOverviewIsPrintedAndStrict() throws {
    try Files.withScratch { root in
      let data = root.appending(path: "set")
      try write(data, files("train", 4) + files("val", 2))
      let sound = try Tool.run(["data", data.path, "--strict"])
      #expect(
        sound.status == 0 && sound.output.contains("2 classes, images: 8 training, 4 validation"), "\(sound)")
      try Data("8BPS and more".utf8).write(to: data.appending(path: "train/cat/x.jpg"))
      try FileManager.default.copyItem(
        at: data.appending(path: "train/cat/train0.png"), to: data.appending(path: "val/cat/copy.png"))
      let text = try Tool.run(["data", data.path])
      #expect(text.output.contains("! left out: 1 Photoshop document (train/cat/x.jpg)"), "\(text)")
      #expect(
        text.output.contains("! duplicates: 1 image of validation or test is in another part, too"), "\(text)"
      )
      #expect(try Tool.run(["data", data.path, "--strict"]).isCleanFailure(naming: "--strict"))
      #expect(
        try Tool.run(train(data, root.appending(path: "run"), ["--strict"])).isCleanFailure(
          naming: "--strict"))
      let json = try object(try Tool.run(["data", data.path, "--json"]).output)
      #expect(json["training"] as? Int == 8 && json["validation"] as? Int == 5)
      #expect((json["duplicates"] as? [String: Any])?["acrossParts"] as? Int == 1)
      #expect((json["classes"] as? [[String: Any]])?.compactMap { $0["name"] as? String } == ["cat", "dog"])
      #expect((json["remarks"] as? [String])?.isEmpty == false)
    }
  }

  @Test func theTestPartIsLookedAtOnceAtTheEnd() throws {
    try Files.withScratch { root in
      let (data, output) = (root.appending(path: "set"), root.appending(path: "run"))
      try write(data, files("train", 4) + files("val", 2) + files("test", 3))
      let run = try Tool.run(train(data, output))
      #expect(run.status == 0 && run.output.contains("8 images, 4 held out, 6 for the test"), "\(run)")
      #expect(run.output.contains("test part, with the weights of that epoch: "), "\(run)")
      // The batch of 64 is as small as the training part.
      #expect(
        run.output.contains("a batch of 64 is more than the 8 training images: the batch is 8"), "\(run)")
      let record = try object(String(contentsOf: output.appending(path: "test.json"), encoding: .utf8))
      let test = try #require(record["test"] as? [String: Any])
      #expect(test["count"] as? Int == 6)
      let weights = output.appending(path: "model.safetensors").path
      for part in ["training", "validation", "test"] {
        let line = ["evaluate", "--data", data.path, "--weights", weights, "--part", part, "--json"]
        let evaluation = try object(try Tool.run(line).output)
        #expect(evaluation["count"] as? Int == ["training": 8, "validation": 4, "test": 6][part])
        if part == "test" {
          #expect(evaluation["top1"] as? Double == test["accuracy"] as? Double)
          #expect(evaluation["loss"] as? Double == test["loss"] as? Double)
        }
      }
      let page = try String(contentsOf: output.appending(path: "report.html"), encoding: .utf8)
      for word in [
        "id=\"test\"", "on the test part, which chose nothing", "id=\"data\"", "validation in val/",
      ] {
        #expect(page.contains(word), "\(word)")
      }
      // Run again it is done already, and the figures are the same.
      let again = try Tool.run(train(data, output, ["--resume", "--json"]))
      #expect(again.status == 0, "\(again)")
      let last = try object(try #require(again.lines.last))
      #expect((last["test"] as? [String: Any])?["loss"] as? Double == test["loss"] as? Double)
    }
  }

  @Test func limitsAndNamesOfFiles() throws {
    try Files.withScratch { root in
      let data = root.appending(path: "pets")
      try write(data, (0..<12).map { "images/\($0 % 2 == 0 ? "Maine_Coon" : "pug")_\($0).png" })
      let run = try Tool.run(train(data, root.appending(path: "run"), ["--limit", "4"]))
      #expect(
        run.status == 0 && run.output.contains("limited to 4 images of each part, balanced over the classes"),
        "\(run)")
      #expect(
        run.output.contains("2 classes, 4 images") && run.output.contains("classes: Maine_Coon 3, pug 3"),
        "\(run)")
      let flat = root.appending(path: "flat")
      try write(flat, (0..<4).map { "\($0).png" })
      let refused = try Tool.run(train(flat, root.appending(path: "none")))
      #expect(refused.isCleanFailure(naming: "no class folders", "into a folder of its own"), "\(refused)")
      // Folders by date, classes by name.
      let dated = root.appending(path: "dated")
      try write(dated, (0..<8).map { "2024-0\($0 % 2 + 1)/\($0 < 4 ? "owl" : "fox")_\($0).png" })
      let named = try Tool.run(["data", dated.path, "--label-from-name"])
      #expect(named.output.contains("classes: fox 4, owl 4"), "\(named)")
    }
  }

  @Test func classesOfTheModelAreFoundByWhatPeopleCallThem() throws {
    let imageNet = Labels.imageNet
    func match(_ classes: [String]) throws -> [Int?] {
      try ClassMatching(classes, labels: imageNet, count: 1000).numbers
    }
    #expect(Labels.imageNetSynsets.count == 1000 && Set(Labels.imageNetSynsets).count == 1000)
    #expect(try match(Labels.imageNetSynsets) == Array(0..<1000))
    #expect(try match(["n01440764", "n15075141"]) == [0, 999])
    #expect(try match(["n02088094_Afghan_hound"]) == [160])
    #expect(try match(["n02088094-Afghan hound"]) == [160])
    #expect(try match(["Afghan_hound", "great_white_shark", "TENCH", "hen"]) == [160, 2, 0, 8])
    #expect(try match(["0000", "0160", "0999"]) == [0, 160, 999])
    #expect(try match(["0", "7", "10"]) == [0, 7, 10])
    #expect(try match(["crane", "crane bird"]) == [517, 134])
    #expect(try match(["tench, Tinca tinca"]) == [0])
    #expect(try ClassMatching(["n01440764", "hen"], labels: [], count: 1000).numbers == [0, 8])
    #expect(
      try ClassMatching(["Red", "blue"], labels: ["blue", "green", "red"], count: 3).numbers == [2, 0])
    for (classes, labels) in [
      (["n01440764"], ["a", "b"]), (["0", "1"], ["a", "b"]), (["tiger", "wombat"], ["tiger", "cat"]),
      (["1000"], imageNet),
      (["n99999999"], imageNet), (["n01440764", "tench"], imageNet), (["red", "Red "], ["red", "blue"]),
    ] {
      #expect(throws: EvaluationError.self, "\(classes)") {
        try ClassMatching(classes, labels: labels, count: labels.count)
      }
    }
    // TensorFlow's networks begin with a class for the background.
    let background = ["background"] + imageNet
    for labels in [background, []] {
      func match(_ classes: [String]) throws -> [Int?] {
        try ClassMatching(classes, labels: labels, count: 1001).numbers
      }
      #expect(try match(["n01440764", "n15075141", "hen"]) == [1, 1000, 9])
      #expect(try match(["0", "0160", "999"]) == [1, 161, 1000])
      #expect(try match(["1", "161", "1000"]) == [1, 161, 1000])
    }
    #expect(try ClassMatching(["background"], labels: background, count: 1001).numbers == [0])
    let some = try ClassMatching(
      ["tiger", "wombat"], labels: ["tiger", "cat"], count: 2, allowsUnknown: true)
    #expect(some.numbers == [0, nil])
  }

  @Test(.enabled(if: Files.hasShared, "needs ../shared/data"))
  func imageNetsFoldersAreEvaluated() throws {
    let weights = try #require(Files.shared("data/weights/imagenet/mobilenet_v2-b0353104.pth"))
    let photos = try #require(Files.shared("data/images/imagenet100_orig"))
    let names = try FileManager.default.contentsOfDirectory(atPath: photos.path).filter { $0.hasPrefix("n") }
      .sorted().prefix(6)
    try Files.withScratch { root in
      func link(_ folder: String, _ name: (Int, String) -> String) throws -> URL {
        let root = root.appending(path: folder)
        for (position, photo) in names.enumerated() {
          let place = root.appending(path: name(position, photo))
          try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
          try FileManager.default.createSymbolicLink(
            at: place.appending(path: photo), withDestinationURL: photos.appending(path: photo))
        }
        return root
      }
      let synsets = try link("synsets", { String($1.prefix(9)) })
      // Every tenth class is there.
      let indices = try link("indices", { index, _ in "\(index * 10)" })
      let run = try Tool.run(["evaluate", "--data", synsets.path, "--weights", weights.path, "--json"])
      let evaluation = try object(run.output)
      #expect(
        evaluation["count"] as? Int == names.count && (evaluation["top5"] as? Double ?? 0) >= 0.8, "\(run)")
      #expect(run.errors.contains("WordNet ids"), "\(run)")
      let byIndex = try object(
        try Tool.run(["evaluate", "--data", indices.path, "--weights", weights.path, "--json"]).output)
      #expect(byIndex["top1"] as? Double == evaluation["top1"] as? Double)
      // One class alone.
      let single = synsets.appending(path: String(try #require(names.first).prefix(9)))
      let parent = root.appending(path: "single")
      try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
      try FileManager.default.copyItem(at: single, to: parent.appending(path: single.lastPathComponent))
      let one = try object(
        try Tool.run(["evaluate", "--data", parent.path, "--weights", weights.path, "--json"]).output)
      #expect(one["count"] as? Int == 1)
    }
  }

  @Test func unknownClassesAreLeftOutWhenAsked() throws {
    try Files.withScratch { root in
      let (data, output) = (root.appending(path: "set"), root.appending(path: "run"))
      try write(data, files("train", 3) + files("val", 2))
      #expect(try Tool.run(train(data, output)).status == 0)
      let weights = output.appending(path: "model.safetensors").path
      let more = root.appending(path: "more")
      try write(more, ["cat/1.png", "bird/1.png", "bird/2.png"])
      let refused = try Tool.run(["evaluate", "--data", more.path, "--weights", weights])
      #expect(refused.isCleanFailure(naming: "'bird'", "--known-classes"), "\(refused)")
      let known = try Tool.run([
        "evaluate", "--data", more.path, "--weights", weights, "--known-classes", "--json",
      ])
      #expect(try object(known.output)["count"] as? Int == 1, "\(known)")
      #expect(known.errors.contains("left out: 2 images of 1 classes"), "\(known)")
    }
  }
}
