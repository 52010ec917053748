// ReportTests.swift: the report's page is well-formed, escapes what it is given, and stands any run.

import Foundation
import SwiftletData
import SwiftletTraining
import TestSupport
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// Walks a page as XML, which the page is too: what is not closed or not escaped is an error.
final class PageReader: NSObject, XMLParserDelegate {
  var elements: [String: Int] = [:]
  var text = ""
  var ids: Set<String> = []
  var links: [String] = []
  var addresses: [String] = []
  var failure: String?
  private var path: [String] = []

  init(_ page: String) {
    super.init()
    let parser = XMLParser(data: Data(page.utf8))
    parser.delegate = self
    if !parser.parse() {
      failure = "line \(parser.lineNumber): \(parser.parserError.map { "\($0)" } ?? "not well-formed")"
    }
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    elements[name, default: 0] += 1
    path.append(name)
    if let id = attributes["id"], !ids.insert(id).inserted { failure = "id \(id) twice" }
    if let link = attributes["href"] { links.append(link) }
    for key in ["src", "srcset"] { attributes[key].map { addresses.append($0) } }
    if attributes.keys.contains(where: { $0.hasPrefix("on") }) { failure = "a handler in an attribute" }
  }

  func parser(
    _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
  ) { path.removeLast() }

  func parser(_ parser: XMLParser, foundCharacters string: String) {
    if path.last != "style", path.last != "script" { text += string }
  }
}

@Suite struct ReportTests {
  @Test func everyPageIsWellFormedAndNeedsNothingElse() throws {
    let folder = ProcessInfo.processInfo.environment["SWIFTLET_REPORT_SAMPLES"]
    for (name, report) in try ReportSamples.reports() {
      let page = report.html()
      // Scripts/report-screenshots asks for the pages.
      if let folder {
        let run = try RunFolder("\(folder)/\(name)")
        try run.writeReport(report)
        try run.writeMetrics(report.records)
        try run.writeEvents(report.records)
      }
      let reader = PageReader(page)
      #expect(reader.failure == nil, "\(name)")
      #expect(page.hasPrefix("<!DOCTYPE html>\n<html lang=\"en\">"))
      for element in ["head", "h1", "main", "style", "script"] {
        #expect(reader.elements[element] == 1, "\(name): \(element)")
      }
      #expect(reader.addresses.allSatisfy { $0.hasPrefix("data:image/png;base64,") }, "\(name)")
      for link in reader.links where link != "https://arxiv.org/abs/1709.01507" {
        #expect(link.hasPrefix("#") && reader.ids.contains(String(link.dropFirst())), "\(name): \(link)")
      }
      #expect(page == report.html())
      for word in ["nan%", "nan ", "inf%", "Optional("] {
        #expect(!reader.text.contains(word), "\(name): \(word)")
      }
    }
  }

  @Test func whatComesFromDataIsEscaped() throws {
    let report = try #require(try ReportSamples.reports().first { $0.name == "trouble" }).report
    let page = report.html()
    #expect(page.components(separatedBy: "<script>").count == 2)
    for word in ["<b>trouble", "<img src=x", "<names>", "<smoothing>", "a<b>"] {
      #expect(!page.contains(word))
    }
    let text = PageReader(page).text
    for word in [
      "<script>alert(1)</script>", "\"quoted\" & 'single'", "naïve 猫 🐈", "<img src=x onerror=alert(1)>.jpg",
      "A run with <b>trouble</b> & \"quotes\"", "a<b>", "0.1 & \"more\"",
    ] { #expect(text.contains(word), "\(word)") }
    // Control characters and turned writing do not pass.
    let hostile = TrainingReport(title: "a\u{0}b\u{1B}c\u{202E}d\u{7F}", network: "n", dataset: "d")
    #expect(PageReader(hostile.html()).failure == nil)
    #expect(hostile.html().contains("<h1>a\u{FFFD}b\u{FFFD}c\u{FFFD}d\u{FFFD}</h1>"))
  }

  @Test func headlineFiguresAreThoseOfTheRecords() throws {
    var records = ReportSamples.records(12)
    records[8].validationAccuracy = 0.9512
    records[11].validationAccuracy = 0.9433
    let report = TrainingReport(title: "t", network: "n", dataset: "d", records: records)
    let text = PageReader(report.html()).text
    #expect(text.contains("94.33%") && text.contains("best 95.12%, epoch 9"))
    #expect(text.contains("4,692 steps"))
    // Speed and waiting are weighed by time.
    let seconds = records.map(\.trainingSeconds).reduce(0, +)
    let speed = records.map { $0.imagesPerSecond * $0.trainingSeconds }.reduce(0, +) / seconds
    #expect(text.contains("1,\(Int(speed.rounded()) - 1000)"))
  }

  @Test func valuesThatAreNotFiniteAreGapsAndSaidToBeSo() throws {
    let report = try #require(try ReportSamples.reports().first { $0.name == "trouble" }).report
    let text = PageReader(report.html()).text
    #expect(text.contains("The training loss is not a finite number in epochs 7–9, 16."))
    #expect(text.contains("The validation loss is not a finite number in epoch 16."))
    #expect(text.contains("no finite number: training cannot be drawn in epoch 7–9, 16"))
    // Nothing but numbers in coordinates.
    #expect(!report.html().contains(try Regex("(x|y|d|cx|cy|x1|y1|width)=\"[^\"]*(nan|inf|not)")))
  }

  @Test func anyRecordsHaveAPage() throws {
    let values: [Double] = [
      .nan, .infinity, -.infinity, 0, -1, 1e308, -1e308, .leastNonzeroMagnitude, 1e31, 1e-300, 123_456_789,
    ]
    for value in values {
      for other in values {
        for count in [1, 2, 3] {
          var records = ReportSamples.records(count)
          records[0].trainingLoss = value
          records[count - 1].validationLoss = other
          records[0].learningRate = other
          records[0].imagesPerSecond = value
          records[0].trainingSeconds = other
          records[0].waitingShare = value
          records[0].epoch = value == 0 ? Int.min : 1
          records[count - 1].epoch = other == 0 ? Int.max : 7
          records[0].step = other == 0 ? Int.min : 1
          let page = TrainingReport(title: "t", network: "n", dataset: "d", records: records).html()
          #expect(PageReader(page).failure == nil, "\(value) \(other)")
        }
      }
    }
  }

  @Test func anyEvaluationHasAPage() throws {
    func page(_ evaluation: Evaluation, gates: [GateRecord] = []) -> String {
      TrainingReport(title: "t", network: "n", dataset: "d", evaluation: evaluation, gates: gates).html()
    }
    let mistake = Evaluation.Mistake(index: -4, name: "x", label: 9, prediction: -1, probability: .nan)
    for confusion in [
      [], [[]], [[1]], [[1, 2], [3]], [[Int.max, Int.min], [Int.max, Int.max]], [[0, 0], [0, 0]],
    ] {
      for classes in [[], ["a"], ["a", "b"], ["a", "b", "c"]] {
        let evaluation = Evaluation(
          classes: classes, count: 3, loss: .nan, top1: .nan, top5: 2, confusion: confusion,
          mistakes: [mistake],
          skipped: [SkippedFile(name: "f", reason: "r")])
        let gates = [GateRecord(gate: "g", means: [[], [1], [-.infinity, 1e38, .nan]])]
        #expect(PageReader(page(evaluation, gates: gates)).failure == nil)
      }
    }
    #expect(
      page(
        Evaluation(classes: [], count: 0, loss: 0, top1: 0, top5: 0, confusion: [], mistakes: [], skipped: [])
      )
      .contains("<strong>n</strong> on <strong>d</strong>.</p>"))
    #expect(
      TrainingReport(title: "t", network: "n", dataset: "d").html().contains("No epoch was completed."))
  }

  @Test func theConfusionIsReadableForAnyNumberOfClasses() throws {
    for count in [2, 10, 30, 31, 100] {
      let classes = (0..<count).map { "class<\($0)>" }
      let evaluation = ReportSamples.evaluation(classes, perClass: 20, accuracy: 0.7)
      let page = TrainingReport(title: "t", network: "n", dataset: "d", evaluation: evaluation).html()
      let reader = PageReader(page)
      #expect(reader.failure == nil)
      #expect(page.contains("class=\"heat\"") == (count > 30))
      #expect(page.contains("class=\"matrix") == (count <= 30))
      if count > 30 {
        #expect(reader.text.contains("The 20 most confused pairs, of "))
        // Two pictures, one a theme, a pixel a pair.
        let pictures = try reader.addresses.map { address in
          let data = try #require(Data(base64Encoded: String(address.dropFirst(22))))
          return try RGBImage(decoding: [UInt8](data), name: "heat map")
        }
        #expect(pictures.count == 2 && pictures.allSatisfy { $0.width == count && $0.height == count })
      } else {
        for row in 0..<count where evaluation.confusion[row][row] > 0 {
          #expect(page.contains("class&lt;\(row)&gt;: \(evaluation.confusion[row][row]) right"))
        }
      }
    }
  }

  @Test func precisionAndRecallAreByTheBook() throws {
    // Class a: 8 of 10 found, 8 of 9 right. Class b: 4 of 5 found, 4 of 6 right.
    let evaluation = Evaluation(
      classes: ["a", "b", "absent"], count: 15, loss: 1, top1: 0.8, top5: 1,
      confusion: [[8, 2, 0], [1, 4, 0], [0, 0, 0]],
      mistakes: [], skipped: [])
    let page = TrainingReport(title: "t", network: "n", dataset: "d", evaluation: evaluation).html()
    let rows = page.components(separatedBy: "<tr><th scope=\"row\">").dropFirst().map { row in
      row.components(separatedBy: "</tr>")[0].replacing(#/<[^>]*>/#, with: " ").split(separator: " ")
    }
    #expect(rows.contains(["a", "10", "88.9%", "80.0%", "84.2%"]))
    #expect(rows.contains(["b", "5", "66.7%", "80.0%", "72.7%"]))
    #expect(rows.contains(["absent", "0", "–", "–", "–"]))
    #expect(rows.contains(["Mean", "over", "classes", "15", "77.8%", "80.0%", "78.5%"]))
  }

  @Test func mistakesShowTheirPhotographs() throws {
    let report = try #require(try ReportSamples.reports().first { $0.name == "hundred" }).report
    let page = report.html()
    #expect(page.components(separatedBy: "<figure class=\"photo\">").count == 25)
    let first = try #require(
      page.components(separatedBy: "class=\"large\" src=\"data:image/png;base64,").dropFirst().first)
    let data = try #require(Data(base64Encoded: String(first.prefix { $0 != "\"" })))
    let picture = try RGBImage(decoding: [UInt8](data), name: "thumbnail")
    #expect(picture.width == 256 && picture.height == 171)
    let small = try #require(try ReportSamples.reports().first { $0.name == "cifar10" }).report.html()
    #expect(small.contains("class=\"small\" src=\"data:"))
  }

  @Test func everyGateHasAChart() throws {
    let report = try #require(try ReportSamples.reports().first { $0.name == "cifar10" }).report
    let page = report.html()
    #expect(page.components(separatedBy: "<figure class=\"gate\">").count == report.gates.count + 1)
    let figure = page.components(separatedBy: "<figure class=\"gate\">")[1].components(
      separatedBy: "</figure>")[0]
    #expect(figure.contains("16 channels"))
    for kind in ["c0", "c1", "c2", "c3", "c4", "mean"] { #expect(figure.contains("line thin \(kind)\"")) }
  }

  @Test func theRunFolderWritesThePage() throws {
    try Files.withScratch { folder in
      let run = try RunFolder(folder.path)
      let report = TrainingReport(title: "t", network: "n", dataset: "d")
      try run.writeReport(report)
      #expect(try String(contentsOfFile: run.file("report.html"), encoding: .utf8) == report.html())
    }
  }
}
