// PublishedCountTests.swift: parameters and multiply-adds equal to the published counts, exactly.

import Foundation
import SwiftletArchitectures
import TestSupport
import Testing

@Suite struct PublishedCountTests {
  struct PublishedRow: CustomTestStringConvertible, Sendable {
    let name: String, dialect: Dialect
    let width: Double, resolution: Int, classes: Int
    let parameters: Int, multiplyAdds: Int, convolutionOutputs: Int
    var testDescription: String { "\(name) \(width) \(resolution)" }
  }

  /// Each row of `published_counts.csv`, which names the source of each.
  static let rows: [PublishedRow] = {
    let text = try? String(contentsOf: Files.golden("published_counts.csv"), encoding: .utf8)
    return (text ?? "").split(whereSeparator: \.isNewline).dropFirst().compactMap { line in
      let cells = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      guard cells.count == 9, let dialect = Dialect(rawValue: cells[1]), let width = Double(cells[2]),
        let resolution = Int(cells[3]), let classes = Int(cells[4]), let parameters = Int(cells[5]),
        let adds = Int(cells[6]), let outputs = Int(cells[7])
      else { return nil }
      return PublishedRow(
        name: cells[0], dialect: dialect, width: width, resolution: resolution, classes: classes,
        parameters: parameters, multiplyAdds: adds, convolutionOutputs: outputs)
    }
  }()

  @Test func theTableIsWhole() { #expect(Self.rows.count == 80) }

  @Test(arguments: rows)
  func everyPublishedRowIsExact(row: PublishedRow) throws {
    let options = ZooOptions(
      dialect: row.dialect, width: row.width, resolution: row.resolution, classes: row.classes)
    let summary = try Zoo.architecture(row.name, options).summary(layers: true)
    #expect(summary.parameters == row.parameters)
    #expect(summary.multiplyAdds == row.multiplyAdds)
    #expect(summary.rows.reduce(0) { $0 + $1.parameters } == row.parameters)
    #expect(summary.rows.reduce(0) { $0 + $1.multiplyAdds } == row.multiplyAdds)
    let convolutions = try #require(summary.layers).filter {
      $0.operation.lowercased().hasSuffix("convolution")
    }
    let isTwin = row.name == "mobilenet_v1_full_conv"
    #expect(isTwin || convolutions.reduce(0) { $0 + $1.output.count } == row.convolutionOutputs)
  }

  /// Counts that two other implementations agree on.
  static let counts: [(String, Dialect?, Int, millions: Double, decimals: Double)] = [
    ("mobilenet_edgetpu", nil, 4_091_432, 990.7, 1),
    ("se_resnet50", nil, 28_088_024, 3860.5, 1),
    ("se_resnet50", .torchvision, 28_088_024, 4091.7, 1),
    ("se_resnet50", .timm, 28_088_024, 4091.7, 1),
    ("se_resnet18", nil, 11_778_592, 1814, 0),
    ("se_resnet34", nil, 21_958_868, 3664, 0),
    ("se_resnet101", nil, 49_326_872, 7575, 0),
    ("se_resnet152", nil, 66_821_848, 11289, 0),
    ("se_resnext50_32x4d", nil, 27_559_896, 4233, 0),
    ("senet154", nil, 115_088_984, 20690, -1),
    ("vgg16", nil, 138_357_544, 15470, -1),
    ("se_mobilenet_v1", nil, 4_231_976 + 479_744, 569.22, 2),
    ("cifar_resnet18", nil, 11_173_962, 555.4, 1),
    ("cifar_resnet20", nil, 269_722, 40.6, 1),
    ("cifar_resnet56", nil, 853_018, 125.5, 1),
    ("cifar_resnet110", nil, 1_727_962, 252.9, 1),
    ("resnet50", nil, 25_557_032, 3858, 0),
    ("resnet50", .torchvision, 25_557_032, 4089, 0),
  ]

  @Test(arguments: counts.indices)
  func countsAreThoseOfOtherImplementations(index: Int) throws {
    let (name, dialect, parameters, millions, decimals) = Self.counts[index]
    let summary = try Zoo.architecture(name, ZooOptions(dialect: dialect)).summary()
    #expect(summary.parameters == parameters, "\(name)")
    let unit = decimals == 0 ? 1 : decimals > 0 ? Double(10).power(-Int(decimals)) : 10
    #expect(
      abs(Double(summary.multiplyAdds) / 1e6 - millions) <= unit / 2 * 1.01,
      "\(name): \(summary.multiplyAdds)")
  }

  @Test func gatesExplainThePapersCountOfSEMobileNet() throws {
    let summary = try Zoo.architecture("se_mobilenet_v1").summary()
    // arXiv 1709.01507, Table 3: 572 million, which counts the gates; 569 without.
    #expect(((summary.multiplyAdds + summary.gateMultiplies) + 500_000) / 1_000_000 == 572)
  }
}

extension Double {
  fileprivate func power(_ exponent: Int) -> Double {
    (0..<abs(exponent)).reduce(1.0) { result, _ in exponent < 0 ? result / self : result * self }
  }
}
