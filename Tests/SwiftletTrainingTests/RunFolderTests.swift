// RunFolderTests.swift: the files of a run: whole, read back, refused clearly.

import Foundation
import SwiftletCore
import SwiftletTraining
import TestSupport
import Testing

/// Epochs with values that are awkward to write.
func sampleRecords(_ count: Int) -> [EpochRecord] {
  (0..<count).map { index in
    let epoch = index + 1
    return EpochRecord(
      epoch: epoch, step: 390 * epoch, learningRate: 0.1 / Double(epoch),
      trainingLoss: 2.3 * exp(-0.1 * Double(epoch)), trainingAccuracy: 1 - exp(-0.1 * Double(epoch)),
      validationLoss: index % 4 == 3 ? nil : 1 / 3.0 / Double(epoch),
      validationAccuracy: index % 4 == 3 ? nil : 0.1 + 0.8 * Double(index) / Double(count),
      validationTop5: index % 4 == 3 ? nil : 0.99, imagesPerSecond: 1e3 / 3, trainingSeconds: 60.25,
      validationSeconds: 5.5, waitingShare: 1e-9)
  }
}

@Suite struct RunFolderTests {
  private func scratch(_ body: (URL) throws -> Void) throws { try Files.withScratch(body) }

  @Test func metricsComeBackToTheBit() throws {
    try scratch { folder in
      let run = try RunFolder(folder.appending(path: "runs/first/").path)
      #expect(run.path == folder.appending(path: "runs/first").path)
      #expect(try run.readMetrics().isEmpty)
      var records = sampleRecords(9)
      records[2].trainingLoss = .infinity
      try run.writeMetrics(Array(records.prefix(5)))
      try run.writeMetrics(records)
      #expect(try run.readMetrics() == records)
      records[4].trainingLoss = .nan
      try run.writeMetrics(records)
      #expect(try run.readMetrics()[4].trainingLoss.isNaN)
      let text = try String(contentsOfFile: run.file("metrics.csv"), encoding: .utf8)
      #expect(text.hasPrefix("epoch,step,learning_rate,training_loss,training_accuracy,validation_loss,"))
      #expect(text.split(separator: "\n").count == 10)
      #expect(text.contains("\n4,1560,0.025,"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: run.path) == ["metrics.csv"])
    }
  }

  @Test func columnsAreFoundByNameAndBadLinesAreNamed() throws {
    try scratch { folder in
      let run = try RunFolder(folder.path)
      let file = run.file("metrics.csv")
      let header =
        "waiting_share,epoch,step,learning_rate,training_loss,training_accuracy,validation_loss,"
        + "validation_accuracy,validation_top5,images_per_second,training_seconds,validation_seconds,extra"
      func read(_ text: String) throws -> [EpochRecord] {
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        return try run.readMetrics()
      }
      let records = try read("\(header)\r\n0.5,1,2,0.1,3,0.25,,,,10,11,12,whatever\r\n")
      #expect(records.count == 1 && records[0].waitingShare == 0.5 && records[0].validationLoss == nil)
      #expect(throws: RunFolderError.malformed(path: file, line: 1, reason: "no column \"epoch\"")) {
        try read("a,b\n1,2\n")
      }
      #expect(
        throws: RunFolderError.malformed(path: file, line: 3, reason: "2 values where the header names 13")
      ) {
        try read("\(header)\n0.5,1,2,0.1,3,0.25,,,,10,11,12,\n1,2\n")
      }
      #expect(throws: RunFolderError.malformed(path: file, line: 2, reason: "epoch is \"one\"")) {
        try read("\(header)\n0.5,one,2,0.1,3,0.25,,,,10,11,12,\n")
      }
      #expect(throws: RunFolderError.malformed(path: file, line: 2, reason: "training_loss is \"\"")) {
        try read("\(header)\n0.5,1,2,0.1,,0.25,,,,10,11,12,\n")
      }
      try FileManager.default.removeItem(atPath: file)
      try FileManager.default.createDirectory(atPath: file, withIntermediateDirectories: false)
      #expect(throws: RunFolderError.unreadable(path: file, reason: "not a file")) { try run.readMetrics() }
    }
  }

  @Test func aPlaceThatCannotBeWrittenIsRefusedAtOnce() throws {
    try scratch { folder in
      let file = folder.appending(path: "file").path
      try "text".write(toFile: file, atomically: true, encoding: .utf8)
      #expect(throws: RunFolderError.notWritable(path: file, reason: "\(file) is a file, not a folder")) {
        try RunFolder(file)
      }
      let below = "\(file)/run"
      #expect(throws: RunFolderError.notWritable(path: below, reason: "\(file) is a file, not a folder")) {
        try RunFolder(below)
      }
      #expect(throws: RunFolderError.notWritable(path: "", reason: "not a folder name")) { try RunFolder("") }
      // For the user root every folder is writable.
      if getuid() != 0 {
        let closed = folder.appending(path: "closed").path
        try FileManager.default.createDirectory(
          atPath: closed, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o500])
        #expect(throws: RunFolderError.self) { try RunFolder(closed) }
        #expect(throws: RunFolderError.self) { try RunFolder("\(closed)/run") }
      }
    }
    let error = RunFolderError.notWritable(path: "a\nb", reason: "no\tway")
    #expect("\(error)" == "a?b: cannot write the run's files: no?way")
  }

  @Test func configurationIsSortedAndReadable() throws {
    struct Configuration: Encodable {
      var network = "mobilenet_v2", data = "a/b", rate = Double.infinity
    }
    try scratch { folder in
      let run = try RunFolder(folder.path)
      try run.writeConfiguration(Configuration())
      let text = try String(contentsOfFile: run.file("config.json"), encoding: .utf8)
      #expect(text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.count == 5)
      #expect(text.contains("\"a/b\"") && text.contains("\"inf\"") && text.hasSuffix("}\n"))
      let places = try ["data", "network", "rate"].map { try #require(text.range(of: $0)).lowerBound }
      #expect(places == places.sorted())
    }
  }
}
