// CheckpointTests.swift: runs that are stopped and go on.

import Foundation
import SwiftletTraining
import TestSupport
import Testing

@Suite struct CheckpointTests {
  /// What a run leaves that must not depend on whether it was interrupted.
  private func numbers(_ records: [EpochRecord]) -> [[Double?]] {
    records.map {
      [
        Double($0.epoch), Double($0.step), $0.learningRate, $0.trainingLoss, $0.trainingAccuracy,
        $0.validationLoss, $0.validationAccuracy, $0.validationTop5,
      ]
    }
  }

  @Test(arguments: [1, 2, 3, 4, 7, 8, 11, 12])
  func stoppedAfterAnyStepItGoesOn(_ stop: Int) throws {
    let recipe = TinyRun.recipe { ($0.batch, $0.accumulation) = (3, 2) }
    let whole = try TinyRun.trainer(recipe).run()
    try Files.withScratch { folder in
      let trainer = try TinyRun.trainer(recipe, folder: folder)
      var steps = 0
      let error = #expect(throws: TrainingError.self) {
        try trainer.run(onStep: { _ in
          steps += 1
          if steps == stop { trainer.stop() }
        })
      }
      guard case .stopped(let epoch, let step, let path?)? = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(epoch == (stop - 1) / 8 + 1 && step == (stop - 1) % 8 + 1)
      let checkpoint = try Checkpoint(contentsOf: path)
      #expect(checkpoint.progress.step == stop && checkpoint.identity == trainer.identity)
      let resumed = try TinyRun.trainer(recipe, folder: folder) { $0.resumes = true }.run()
      #expect(areIdentical(resumed.parameters, whole.parameters))
      #expect(numbers(resumed.records) == numbers(whole.records))
      #expect(resumed.evaluation == whole.evaluation && resumed.gates == whole.gates)
      // Once more: there is nothing left to do.
      let again = try TinyRun.trainer(recipe, folder: folder) { $0.resumes = true }.run()
      #expect(areIdentical(again.parameters, whole.parameters))
      #expect(again.evaluation == whole.evaluation)
      #expect(try RunFolder(folder.path).readMetrics().count == 3)
    }
  }

  @Test func checkpointsWithinAnEpoch() throws {
    try Files.withScratch { folder in
      let last = folder.appending(path: "checkpoints/last.safetensors").path
      let trainer = try TinyRun.trainer(folder: folder) { $0.checkpointSteps = 2 }
      var seen: [Int?] = []
      try trainer.run(onStep: { _ in seen.append(try? Checkpoint(contentsOf: last).progress.step) })
      #expect(seen == [nil, nil, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10])
      #expect(try Checkpoint(contentsOf: last).progress.epochs == 3)
    }
  }

  @Test func anotherRunIsNotContinued() throws {
    try Files.withScratch { folder in
      try TinyRun.trainer(folder: folder).run()
      func refusal(_ make: () throws -> Trainer) throws -> String {
        let error = #expect(throws: TrainingError.self) { try make().run() }
        return error.map(\.description) ?? ""
      }
      func resume(_ options: inout Trainer.Options) { options.resumes = true }
      let inUse = try refusal { try TinyRun.trainer(folder: folder) }
      #expect(inUse.contains("--resume"))
      let network = try refusal {
        var other = TinyRun.architecture
        other.name = "other"
        return try TinyRun.trainer(architecture: other, folder: folder, resume)
      }
      #expect(network.contains("tiny") && network.contains("other"))
      let width = try refusal {
        try TinyRun.trainer(architecture: TinyRun.architecture.with(width: 2), folder: folder, resume)
      }
      #expect(width.contains("width"))
      let recipe = try refusal {
        try TinyRun.trainer(TinyRun.recipe { $0.batch = 4 }, folder: folder, resume)
      }
      #expect(recipe.contains("\"batch\" : 6") && recipe.contains("\"batch\" : 4"))
      let data = try refusal { try TinyRun.trainer(data: TinyRun.data(30), folder: folder, resume) }
      #expect(data.contains("24") && data.contains("30"))
      let freeze = try refusal { try TinyRun.trainer(freeze: .backbone, folder: folder, resume) }
      #expect(freeze.contains("backbone"))
    }
  }

  /// A loss of another package.
  private struct Halved: Loss {
    var factor = 0.5
    func emit(logits: Value, targets: Value, teacher: Value?, in graph: inout GraphBuilder) throws -> Value {
      try graph.apply(SoftmaxCrossEntropy(weight: factor), logits, targets, label: "loss")
    }
  }

  @Test func anotherLossTeacherOrImagesAreNotContinued() throws {
    func teacher(seed: UInt64) throws -> Trainer.Teacher {
      Trainer.Teacher(
        .architecture(TinyRun.architecture),
        parameters: try Parameters(initializing: TinyRun.architecture.graph(), seed: seed))
    }
    func refusal(
      _ folder: URL, _ data: DatasetSplit = TinyRun.data(), _ change: (inout Trainer.Options) -> Void
    )
      throws -> String
    {
      let error = #expect(throws: TrainingError.self) {
        try TinyRun.trainer(data: data, folder: folder) {
          $0.resumes = true
          change(&$0)
        }.run()
      }
      return error.map(\.description) ?? ""
    }
    try Files.withScratch { folder in
      try TinyRun.trainer(folder: folder) { $0.loss = Halved() }.run()
      #expect(try refusal(folder) { _ in }.contains("loss"))
      #expect(try refusal(folder) { $0.loss = Halved(factor: 0.25) }.contains("0.25"))
      try TinyRun.trainer(folder: folder) { ($0.loss, $0.resumes) = (Halved(), true) }.run()
    }
    try Files.withScratch { folder in
      let first = try teacher(seed: 3)
      try TinyRun.trainer(folder: folder) { ($0.loss, $0.teacher) = (DistillationLoss(), first) }.run()
      let second = try teacher(seed: 4)
      let text = try refusal(folder) { ($0.loss, $0.teacher) = (DistillationLoss(), second) }
      #expect(text.contains("teacher's weights"), "\(text)")
      try TinyRun.trainer(folder: folder) {
        ($0.loss, $0.teacher, $0.resumes) = (DistillationLoss(), first, true)
      }.run()
    }
    try Files.withScratch { folder in
      // Files of the same number and classes: another name, or another size.
      func data(_ root: String, _ name: (Int) -> String, side: Int = 8) throws -> DatasetSplit {
        let root = folder.appending(path: root)
        for index in 0..<12 {
          let place = root.appending(path: index % 2 == 0 ? "a" : "b")
          try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
          let pixels = [UInt8](repeating: UInt8(20 * index), count: 3 * side * side)
          let image = try RGBImage(width: side, height: side, pixels: pixels)
          try Data(image.bitmap()).write(to: place.appending(path: name(index)))
        }
        return try DatasetSplit.open(path: root.path, seed: 1)
      }
      let two = TinyRun.architecture.with(classes: 2)
      let run = folder.appending(path: "run")
      let recipe = TinyRun.recipe { $0.batch = 4 }
      let original = try data("one") { "\($0).bmp" }
      try TinyRun.trainer(recipe, architecture: two, data: original, folder: run).run()
      for other in [
        try data("two") { "x\($0).bmp" }, try data("three", { "\($0).bmp" }, side: 9),
      ] {
        let error = #expect(throws: TrainingError.self) {
          try TinyRun.trainer(recipe, architecture: two, data: other, folder: run) { $0.resumes = true }.run()
        }
        #expect("\(try #require(error))".contains("list of images"))
      }
      // The same files elsewhere are the same images.
      let moved = try data("moved") { "\($0).bmp" }
      try TinyRun.trainer(recipe, architecture: two, data: moved, folder: run) { $0.resumes = true }.run()
    }
  }

  /// Checkpoints of versions that did not store loss, images and teacher's weights can still be resumed.
  @Test func olderCheckpointsAreContinued() throws {
    let whole = try TinyRun.trainer().run()
    try Files.withScratch { folder in
      let trainer = try TinyRun.trainer(folder: folder)
      var steps = 0
      #expect(throws: TrainingError.self) {
        try trainer.run(onStep: { _ in
          steps += 1
          if steps == 6 { trainer.stop() }
        })
      }
      for name in ["last", "best"] {
        let path = folder.appending(path: "checkpoints/\(name).safetensors").path
        let checkpoint = try Checkpoint(contentsOf: path)
        var identity = checkpoint.identity
        (identity.loss, identity.data.images, identity.teacherWeights, identity.task) = (nil, nil, nil, nil)
        try Checkpoint(identity: identity, progress: checkpoint.progress, state: checkpoint.state)
          .write(to: path)
        let text = String(decoding: try Data(contentsOf: URL(filePath: path)).prefix(20_000), as: UTF8.self)
        #expect(!text.contains("\\\"loss\\\":\\\"Cross") && !text.contains("\\\"images\\\""))
      }
      let resumed = try TinyRun.trainer(folder: folder) { $0.resumes = true }.run()
      #expect(areIdentical(resumed.parameters, whole.parameters))
    }
  }

  @Test func aDamagedCheckpointIsRefused() throws {
    try Files.withScratch { folder in
      try TinyRun.trainer(folder: folder).run()
      let last = folder.appending(path: "checkpoints/last.safetensors")
      for data in [Data(), Data("x".utf8), try Data(contentsOf: last).dropLast(10)] {
        try data.write(to: last)
        #expect(throws: (any Error).self) { try TinyRun.trainer(folder: folder) { $0.resumes = true }.run() }
      }
    }
  }

  @Test func divergingKeepsTheLastGoodCheckpoint() throws {
    try Files.withScratch { folder in
      // One good epoch, then a rate that no network stands.
      let recipe = TinyRun.recipe {
        ($0.learningRate, $0.averageDecay) = (0.1, nil)
        $0.schedule = Schedule(.constant)
      }
      let good = try TinyRun.trainer(recipe, folder: folder)
      #expect(throws: CancellationError.self) {
        try good.run(onEpoch: { if $0.epoch == 1 { throw CancellationError() } })
      }
      let last = folder.appending(path: "checkpoints/last.safetensors")
      let before = try Data(contentsOf: last)
      let checkpoint = try Checkpoint(contentsOf: last.path)
      var state = checkpoint.state
      state["classifier.weight"] = try Tensor(
        shape: [6, 3], floats: [Float](repeating: .infinity, count: 18))
      try Checkpoint(identity: checkpoint.identity, progress: checkpoint.progress, state: state)
        .write(to: last.path)
      let error = #expect(throws: TrainingError.self) {
        try TinyRun.trainer(recipe, folder: folder) {
          $0.resumes = true
          $0.checkpointSteps = 1
        }.run()
      }
      #expect("\(try #require(error))".contains("epoch 2, step 1"))
      #expect(try Checkpoint(contentsOf: last.path).progress == checkpoint.progress)
      try before.write(to: last)
      #expect(try TinyRun.trainer(recipe, folder: folder) { $0.resumes = true }.run().records.count == 3)
    }
  }

  @Test func leftoversOfAKilledRunAreRemoved() throws {
    try Files.withScratch { folder in
      let checkpoints = folder.appending(path: "checkpoints")
      try FileManager.default.createDirectory(at: checkpoints, withIntermediateDirectories: true)
      for name in [".swiftlet-1a.tmp", "checkpoints/.swiftlet-2b.tmp", "checkpoints/mine.tmp"] {
        try Data("x".utf8).write(to: folder.appending(path: name))
      }
      try TinyRun.trainer(folder: folder).run()
      let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
      #expect(names.filter { $0.hasSuffix(".tmp") } == ["checkpoints/mine.tmp"])
    }
  }

  @Test func twoRunsDoNotShareAFolder() throws {
    try Files.withScratch { folder in
      let error = #expect(throws: TrainingError.self) {
        try TinyRun.trainer(folder: folder).run(onEpoch: { _ in
          try TinyRun.trainer(folder: folder) { $0.resumes = true }.run()
        })
      }
      #expect(error == .folderLocked(folder.path))
    }
  }
}
