// PhotoCommandTests.swift: classify, preprocess and convert, as a user runs them, on good and bad input.

import Foundation
import SwiftletModules
import TestSupport
import Testing

/// A small model with seeded weights, and a photograph, in a scratch folder.
struct Workplace {
  let folder: URL
  let model: String
  let photo = Files.root.appending(path: "Examples/photos/apples.jpg").path

  static func with(_ body: (Workplace) throws -> Void) throws {
    try Files.withScratch { folder in
      let architecture = try Zoo.architecture(
        "mobilenet_v1", ZooOptions(width: 0.25, resolution: 64, classes: 10))
      let model = try Model(
        architecture, parameters: Parameters(initializing: architecture.graph(), seed: 1),
        labels: (0..<10).map { "label \($0)" })
      let path = folder.appending(path: "model.safetensors").path
      try model.save(to: path)
      try body(Workplace(folder: folder, model: path))
    }
  }

  /// Writes a file and gives its path.
  func file(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
    let url = folder.appending(path: name)
    try Data(bytes).write(to: url)
    return url.path
  }

  /// The names in the folder.
  func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
  }
}

@Suite struct PhotoCommandTests {
  @Test func classifyPrintsLabelsWithProbabilities() throws {
    try Workplace.with { place in
      let run = try Tool.run(["classify", place.photo, "--weights", place.model, "--top", "3"])
      #expect(run.status == 0 && run.errors.isEmpty, "\(run)")
      // The name is there for one file too.
      #expect(run.lines.first == place.photo)
      #expect(run.lines.count == 4 && run.lines.dropFirst().allSatisfy { $0.contains(" %  label ") })
    }
  }

  @Test func classifyAnswersInOrderInJSON() throws {
    try Workplace.with { place in
      let bad = try place.file("notes.jpg", "these are notes".utf8)
      let run = try Tool.run(["classify", place.photo, bad, place.photo, "--weights", place.model, "--json"])
      #expect(run.status == 1)
      let answers = try run.lines.map(object)
      #expect(answers.map { $0["file"] as? String } == [place.photo, bad, place.photo])
      let predictions = try #require(answers[0]["predictions"] as? [[String: Any]])
      let probabilities = try predictions.map { try #require($0["probability"] as? Double) }
      #expect(predictions.count == 5 && probabilities == probabilities.sorted(by: >))
      let index = try #require(predictions[0]["index"] as? Int)
      #expect(predictions[0]["label"] as? String == "label \(index)")
      #expect((answers[1]["error"] as? String)?.contains("notes.jpg") == true)
      #expect(answers[1]["predictions"] == nil && answers[0]["error"] == nil)
    }
  }

  @Test func aFolderIsItsImagesInOrder() throws {
    try Workplace.with { place in
      let photo = try Data(contentsOf: URL(filePath: place.photo))
      let folder = place.folder.appending(path: "photos")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      for name in ["b.JPG", "a.jpeg", ".hidden.jpg"] {
        try photo.write(to: folder.appending(path: name))
      }
      try Data("words".utf8).write(to: folder.appending(path: "readme.txt"))
      let run = try Tool.run(["classify", folder.path, "--weights", place.model, "--json"])
      #expect(run.status == 0)
      #expect(
        try run.lines.map { try object($0)["file"] as? String }
          == ["a.jpeg", "b.JPG"].map {
            folder.path + "/" + $0
          })
      let empty = place.folder.appending(path: "empty")
      try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: true)
      #expect(
        try Tool.run(["classify", empty.path, "--weights", place.model]).isCleanFailure(naming: "no images"))
    }
  }

  @Test func badPhotographsAreOneClearLineEach() throws {
    try Workplace.with { place in
      let photo = [UInt8](try Data(contentsOf: URL(filePath: place.photo)))
      // A PNG that says it has 60000 × 60000 pixels: 10.8 GB.
      var png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13]
      png += Array("IHDR".utf8) + [0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60, 8, 2, 0, 0, 0]
      png += [0x11, 0x3C, 0x5E, 0x7A]
      let cases: [(String, [UInt8])] = [
        ("text.jpg", Array("not an image".utf8)), ("truncated.jpg", Array(photo.prefix(photo.count / 2))),
        ("huge.png", png), ("empty.png", []), ("header.jpg", Array(photo.prefix(3))),
      ]
      for (name, bytes) in cases {
        let path = try place.file(name, bytes)
        let run = try Tool.run(["classify", path, "--weights", place.model], limitedToMegabytes: 1500)
        #expect(run.isCleanFailure(naming: name), "\(name): \(run)")
        #expect(run.output.isEmpty)
      }
      let missing = try Tool.run(["classify", "/no/such/photo.jpg", "--weights", place.model])
      #expect(missing.isCleanFailure(naming: "/no/such/photo.jpg"))
      #expect(try Tool.run(["classify", "--weights", place.model]).isCleanFailure(naming: "PHOTO"))
      let zero = try Tool.run(["classify", place.photo, "--weights", place.model, "--top", "0"])
      #expect(zero.isCleanFailure(naming: "--top"))
    }
  }

  @Test func badWeightsAreOneClearLine() throws {
    try Workplace.with { place in
      let good = [UInt8](try Data(contentsOf: URL(filePath: place.model)))
      var claims = [UInt8](repeating: 0, count: 64)
      claims[7] = 0x10  // a header of 2^60 bytes
      let cases: [(String, [UInt8])] = [
        ("empty.safetensors", []), ("text.pth", Array("hello".utf8)),
        ("truncated.safetensors", Array(good.prefix(good.count / 2))), ("claims.safetensors", claims),
        ("cut.safetensors", Array(good.prefix(100))), ("zip.pth", [0x50, 0x4B, 3, 4] + claims),
      ]
      for (name, bytes) in cases {
        let path = try place.file(name, bytes)
        let run = try Tool.run(["classify", place.photo, "--weights", path], limitedToMegabytes: 1500)
        #expect(run.isCleanFailure(naming: name), "\(name): \(run)")
      }
      let empty = place.folder.appending(path: "empty-run")
      try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: true)
      let folder = try Tool.run(["classify", place.photo, "--weights", empty.path])
      #expect(folder.isCleanFailure(naming: empty.path, "is a folder without model.safetensors"))
      let missing = try Tool.run(["classify", place.photo, "--weights", "none.pth"])
      #expect(missing.isCleanFailure(naming: "none.pth"))
    }
  }

  @Test func weightsOfAnotherNetworkAreNamed() throws {
    try Workplace.with { place in
      let ours = try Tool.run(["classify", place.photo, "--weights", place.model, "--model", "mobilenet_v2"])
      #expect(ours.isCleanFailure(naming: "model.safetensors", "holds mobilenet_v1, not mobilenet_v2"))
      let unknown = try Tool.run(["classify", place.photo, "--weights", place.model, "--model", "mobilenet"])
      #expect(unknown.isCleanFailure(naming: "unknown network 'mobilenet'"))
      // Tensors of nobody's network.
      let path = place.folder.appending(path: "alien.safetensors").path
      try SafetensorsFile.write(
        [("tentacle", try Tensor(shape: [2], floats: [1, 2]))], metadata: [:], to: path)
      let alien = try Tool.run(["classify", place.photo, "--weights", path])
      #expect(
        alien.isCleanFailure(naming: "alien.safetensors", "no known network has these tensors", "tentacle 2"))
    }
  }

  @Test(.enabled(if: Files.hasShared, "needs ../shared/data"))
  func mismatchesListNamesAndBothShapes() throws {
    let weights = try #require(Files.shared("data/weights/imagenet/mobilenet_v2-b0353104.pth")).path
    try Workplace.with { place in
      let v3 = try Tool.run(["classify", place.photo, "--weights", weights, "--model", "mobilenet_v3_large"])
      #expect(
        v3.isCleanFailure(
          naming: "mobilenet_v2-b0353104.pth", "mobilenet_v3_large",
          "features.0.0.weight: needs 16×3×3×3, found 32×3×3×3"), "\(v3)")
      let narrow = try Tool.run([
        "classify", place.photo, "--weights", weights, "--model", "mobilenet_v2", "--width", "0.5",
      ])
      #expect(narrow.isCleanFailure(naming: "the file's width is 1, not 0.5"), "\(narrow)")
      let apples = try Tool.run(["classify", place.photo, "--weights", weights, "--json"])
      let best = try #require((try object(apples.output)["predictions"] as? [[String: Any]])?.first)
      #expect(best["label"] as? String == "Granny Smith" && best["index"] as? Int == 948)
    }
  }

  @Test func damagedMetadataIsOneClearLine() throws {
    try Workplace.with { place in
      let file = try SafetensorsFile(contentsOf: place.model)
      let good = try #require(file.metadata["swiftlet.architecture"])
      let changes: [(String, String, String)] = [
        ("swiftlet.architecture", "{", "not the JSON"), ("swiftlet.labels", "7", "not the JSON"),
        ("swiftlet.preprocessing", "[]", "not the JSON"),
        (
          "swiftlet.architecture", good.replacing("\"stride\":2", with: "\"stride\":0"),
          "stride must be between"
        ),
        (
          "swiftlet.architecture",
          good.replacing("\"channels\":512", with: "\"channels\":9000000000000000000"),
          "channels must be between"
        ),
        ("swiftlet.architecture", good.replacing("\"repeats\":5", with: "\"repeats\":1000000000"), "repeats"),
        ("swiftlet.architecture", good.replacing("depthwiseSeparable", with: "warp"), "unknown block 'warp'"),
        ("swiftlet.architecture", good.replacing("\"width\":0.25", with: "\"width\":1e300"), "width"),
        ("swiftlet.architecture", good.replacing("\"resolution\":64", with: "\"resolution\":0"), "pixels"),
      ]
      for (index, (key, value, cause)) in changes.enumerated() {
        var metadata = file.metadata
        #expect(metadata[key] != value, "case \(index) changes nothing")
        metadata[key] = value
        let path = place.folder.appending(path: "damaged\(index).safetensors").path
        try SafetensorsFile.write(file.tensors.map { ($0.name, $0.tensor) }, metadata: metadata, to: path)
        let run = try Tool.run(["classify", place.photo, "--weights", path], limitedToMegabytes: 1500)
        #expect(run.isCleanFailure(naming: "damaged\(index).safetensors", cause), "case \(index): \(run)")
      }
    }
  }

  @Test func preprocessWritesWhatTheNetworkIsFed() throws {
    try Workplace.with { place in
      let output = place.folder.appending(path: "input.npy").path
      let run = try Tool.run([
        "preprocess", place.photo, "--model", "mobilenet_v2", "--output", output, "--json",
      ])
      #expect(run.status == 0, "\(run)")
      let result = try object(run.output)
      #expect(result["shape"] as? [Int] == [1, 224, 224, 3] && result["scalarType"] as? String == "float32")
      let written = try readNumpy(URL(filePath: output))
      let expected = try Preprocessing.torchvision().input(RGBImage(contentsOf: place.photo))
      #expect(written.shape == [1, 224, 224, 3] && written.values == expected.doubles())

      let crop = try Tool.run([
        "preprocess", place.photo, "--model", "mobilenet_v2", "--output", output, "--stage", "crop",
      ])
      #expect(crop.status == 0 && crop.output.contains("uint8 224×224×3"))
      let pixels = try Preprocessing.torchvision().crop(RGBImage(contentsOf: place.photo)).pixels
      #expect(try readNumpy(URL(filePath: output)).values == pixels.map(Double.init))

      let small = try Tool.run([
        "preprocess", place.photo, "--model", "mobilenet_v2", "--resolution", "160", "--output", output,
      ])
      #expect(small.output.contains("1×160×160×3"))
    }
  }

  @Test func unwritableOutputIsOneClearLineAndLeavesNothing() throws {
    try Workplace.with { place in
      let before = try place.names()
      for output in [place.folder.path, "/no/such/folder/x.npy", "/proc/x.npy"] {
        let run = try Tool.run(["preprocess", place.photo, "--model", "mobilenet_v2", "--output", output])
        #expect(run.isCleanFailure(naming: output), "\(run)")
        let convert = try Tool.run(["convert", place.model, "--output", output])
        #expect(convert.isCleanFailure(naming: output), "\(convert)")
      }
      #expect(try place.names() == before)
      #expect(try Tool.run(["preprocess", place.photo]).isCleanFailure(naming: "--output"))
      #expect(try Tool.run(["convert", place.model]).isCleanFailure(naming: "--output"))
    }
  }

  @Test func convertMakesOneFileThatSaysAllAboutItself() throws {
    try Workplace.with { place in
      let labels = try place.file("labels.txt", (0..<10).map { "thing \($0)\n" }.joined().utf8)
      let output = place.folder.appending(path: "named.safetensors").path
      let run = try Tool.run(["convert", place.model, "--labels", labels, "--output", output, "--json"])
      #expect(run.status == 0, "\(run)")
      let result = try object(run.output)
      #expect(result["name"] as? String == "mobilenet_v1" && result["classes"] as? Int == 10)
      let before = try Tool.run(["classify", place.photo, "--weights", place.model, "--json"])
      let after = try Tool.run(["classify", place.photo, "--weights", output, "--json"])
      #expect(after.output == before.output.replacing("label ", with: "thing "))
      let few = try place.file("few.txt", "one\ntwo\n".utf8)
      let refused = try Tool.run(["convert", place.model, "--labels", few, "--output", output])
      #expect(refused.isCleanFailure(naming: "few.txt", "2 labels for 10 classes"))
    }
  }

  @Test func withoutWeightsItSaysWhereToGetThem() throws {
    let photo = Files.root.appending(path: "Examples/photos/apples.jpg").path
    let run = try Tool.run(["classify", photo, "--model", "mobilenet_v2"])
    #expect(run.isCleanFailure(naming: "no weights for mobilenet_v2", "swiftlet pull mobilenet_v2"))
    // What was asked for is not what the embedded model is.
    let narrow = try Tool.run(["classify", photo, "--width", "0.5"])
    #expect(narrow.isCleanFailure(naming: "no weights for mobilenet_v2"))
    for command in [["embed", photo], ["evaluate", "--data", photo]] {
      #expect(try Tool.run(command).isCleanFailure(naming: "no weights for mobilenet_v2"))
    }
    let none = try Tool.run(["classify", photo, "--model", "senet154"])
    #expect(none.isCleanFailure(naming: "no published weights of senet154"))
  }

  @Test func withoutAnythingTheEmbeddedModelAnswersAndSaysSo() throws {
    let photo = Files.root.appending(path: "Examples/photos/apples.jpg").path
    let run = try Tool.run(["classify", photo, "--json"])
    #expect(run.status == 0 && run.lines.count == 1, "\(run)")
    // One line, on standard error, with all ten classes and where to get more.
    #expect(run.errors.filter(\.isNewline).count == 1)
    for part in Labels.cifar10 + ["built-in model", "swiftlet pull mobilenet_v2"] {
      #expect(run.errors.contains(part), "\(part): \(run.errors)")
    }
    let predictions = try #require(try object(run.output)["predictions"] as? [[String: Any]])
    #expect(predictions.allSatisfy { Labels.cifar10.contains($0["label"] as? String ?? "") })

    // By name it is what was asked for, and there is nothing to say.
    let named = try Tool.run(["classify", photo, "--json", "--model", "embedded"])
    #expect(named.status == 0 && named.errors.isEmpty && named.output == run.output, "\(named)")
    // No home, no cache.
    let homeless = try Tool.run(
      ["classify", photo, "--json"], environment: ["SWIFTLET_CACHE": "", "HOME": "", "XDG_CACHE_HOME": ""])
    #expect(homeless.status == 0 && homeless.output == run.output, "\(homeless)")
    let wide = try Tool.run(["classify", photo, "--model", "embedded", "--width", "2"])
    #expect(wide.isCleanFailure(naming: "built-in model", "--resolution"))

    try Files.withScratch { folder in
      let output = folder.appending(path: "input.npy").path
      let input = try Tool.run(["preprocess", photo, "--model", "embedded", "--output", output])
      #expect(input.status == 0 && input.output.contains("1×32×32×3"), "\(input)")
      let vector = try Tool.run(["embed", photo, "--model", "embedded"])
      #expect((try object(vector.output)["features"] as? [Double])?.count == 64)

      // A copy of the binary, alone in a folder.
      let copy = folder.appending(path: "swiftlet")
      try FileManager.default.copyItem(at: URL(filePath: Tool.path), to: copy)
      let process = Process()
      process.executableURL = copy
      process.arguments = ["classify", photo, "--json", "--model", "embedded"]
      process.currentDirectoryURL = folder
      let pipe = Pipe()
      process.standardOutput = pipe
      try process.run()
      let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      #expect(process.terminationStatus == 0 && text == run.output)
    }
  }

  @Test func convertKeepsHalfPrecisionWhereAsked() throws {
    try Workplace.with { place in
      let output = place.folder.appending(path: "half.safetensors").path
      let run = try Tool.run(["convert", place.model, "--half", "--output", output])
      #expect(run.status == 0, "\(run)")
      let types = Set(try SafetensorsFile(contentsOf: output).tensors.map(\.tensor.scalarType))
      #expect(types == [.float16, .float32])
      let before = try Tool.run(["classify", place.photo, "--weights", place.model, "--json"])
      let after = try Tool.run(["classify", place.photo, "--weights", output, "--json"])
      #expect(after.status == 0 && after.output != before.output)
    }
  }
}
