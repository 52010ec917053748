// RunComparisonTests.swift: runs side by side, against the records that they were trained with.

import Foundation
import SwiftletTraining
import TestSupport
import Testing

@Suite struct RunComparisonTests {
  @Test func figuresAreThoseOfTheRuns() throws {
    try Files.withScratch { scratch in
      let folders = ["plain", "long"].map { scratch.appending(path: $0) }
      let results = try [
        TinyRun.trainer(TinyRun.recipe(epochs: 2), folder: folders[0]).run(),
        TinyRun.trainer(TinyRun.recipe(epochs: 5) { $0.learningRate = 0.02 }, folder: folders[1]).run(),
      ]
      let comparison = try RunComparison(folders: folders.map(\.path))
      #expect(comparison.runs.map(\.network) == ["tiny", "tiny"])
      for (run, result) in zip(comparison.runs, results) {
        let scores = result.records.compactMap(\.validationAccuracy)
        #expect(run.epochs == result.records.count && run.metric == "top-1")
        #expect(run.best == scores.max() && run.last == scores.last && run.bestEpoch == result.bestEpoch)
        #expect(run.trainingLoss == result.records.last?.trainingLoss)
        #expect(run.validationLoss == result.records.last?.validationLoss)
        let seconds = result.records.reduce(0) { $0 + $1.trainingSeconds + $1.validationSeconds }
        #expect(abs(run.seconds - seconds) < 1e-9)
      }
      let html = comparison.html()
      for text in ["plain", "long", "Validation top-1 over the time", "Training loss", "tiny"] {
        #expect(html.contains(text), "\(text)")
      }
      #expect(PageReader(html).failure == nil)
      #expect(RunComparison.isRun(folders[0].path) && !RunComparison.isRun(scratch.path))
    }
  }

  @Test func foldersThatAreNoRunsAreNamed() throws {
    try Files.withScratch { scratch in
      let folder = scratch.appending(path: "run")
      _ = try TinyRun.trainer(TinyRun.recipe(epochs: 1), folder: folder).run()
      func line(_ folders: [String]) -> String {
        let error = #expect(throws: RunFolderError.self) { try RunComparison(folders: folders) }
        return error.map { "\($0)" } ?? ""
      }
      #expect(line([folder.path, scratch.path]).contains("metrics.csv: cannot read: no such file"))
      let config = folder.appending(path: "config.json")
      try Data("{}".utf8).write(to: config)
      #expect(line([folder.path]).contains("config.json: cannot read: not the configuration of a run"))
      try FileManager.default.removeItem(at: config)
      #expect(line([folder.path]).contains("config.json: cannot read: no such file"))
      try Data("epoch\n1\n".utf8).write(to: folder.appending(path: "metrics.csv"))
      #expect(line([folder.path]).contains("line 1: no column"))
    }
  }
}
