// LayerProbeTests.swift: the report's section on layers, on networks whose values are known.

import Foundation
import SwiftletTraining
import TestSupport
import Testing

@Suite struct LayerProbeTests {
  /// With kernels of 0 every activation is that of its norm's offset.
  @Test func activationsAreCounted() throws {
    let graph = try TinyRun.architecture.graph()
    var parameters = try Parameters(initializing: graph, seed: 1)
    let offsets: [String: [Float]] = [
      "stem": [-1, 2, 0, 3], "stages.0.0.expand": [Float](repeating: -1, count: 8),
      "stages.1.0.depthwise": [1, 1, 1, 1, 1, 1, 1, 9],
    ]
    for spec in graph.parameters {
      let values: [Float]
      switch spec.role {
      case .convolution, .depthwise: values = [Float](repeating: 0, count: spec.shape.count)
      case .normOffset:
        values =
          offsets.first { spec.name.hasPrefix($0.key + ".") && $0.value.count == spec.shape.count }?.value
          ?? [Float](repeating: 0.5, count: spec.shape.count)
      default: continue
      }
      parameters[spec.name] = try Tensor(shape: spec.shape, floats: values)
    }
    let probe = try LayerProbe(
      .architecture(TinyRun.architecture), parameters: parameters, backend: ReferenceBackend(),
      images: ColoredSquares(count: 5, broken: [1]), preprocessing: TinyRun.preprocessing)
    func record(_ prefix: String) throws -> ActivationRecord {
      try #require(probe.activations.first { $0.path.hasPrefix(prefix) }, "\(probe.activations.map(\.path))")
    }
    let stem = try record("stem")
    #expect(stem.channels == 4 && stem.deadChannels == 2 && stem.zeros == 0.5 && stem.mean == 1.25)
    #expect(abs(stem.deviation - (13.0 / 4 - 1.25 * 1.25).squareRoot()) < 1e-9)
    let dead = try record("stages.0.0.expand")
    #expect(dead.channels == 8 && dead.deadChannels == 8 && dead.zeros == 1 && dead.mean == 0)
    // ReLU6 ends at 6.
    let cut = try record("stages.1.0.depthwise")
    #expect(cut.deadChannels == 0 && cut.zeros == 0 && abs(cut.mean - 13.0 / 8) < 1e-9)
  }

  @Test func kernelsBecomeTiles() throws {
    // Two kernels of 2 × 2: a red corner, and a blue one that is negative.
    var kernels = [Float](repeating: 0, count: 2 * 2 * 3 * 2)
    kernels[0] = 0.5
    kernels[((1 * 2 + 1) * 3 + 2) * 2 + 1] = -4
    let image = try #require(try LayerProbe.picture(of: kernels, shape: [2, 2, 3, 2]))
    #expect(image.width == 7 && image.height == 4)
    func pixel(_ x: Int, _ y: Int) -> [UInt8] { Array(image.pixels[(3 * (y * 7 + x))...].prefix(3)) }
    #expect(pixel(1, 1) == [255, 128, 128] && pixel(2, 1) == [128, 128, 128])
    #expect(pixel(5, 2) == [128, 128, 0] && pixel(0, 0) == [128, 128, 128])
    #expect(try LayerProbe.picture(of: [1, 2, 3], shape: [1, 1, 3, 1]) == nil)
    #expect(try LayerProbe.picture(of: [1, 2, 3, 4], shape: [2, 2, 1, 1]) == nil)
    let broken = try LayerProbe.picture(of: [Float](repeating: .nan, count: 12), shape: [2, 2, 3, 1])
    #expect(broken?.pixels.allSatisfy { $0 == 128 } == true)
  }

  /// A finished run has the section, with as many lines as the network has activations.
  @Test func theReportHasTheLayers() throws {
    try Files.withScratch { folder in
      _ = try TinyRun.trainer(TinyRun.recipe(epochs: 1), folder: folder).run()
      let html = try String(contentsOf: folder.appending(path: "report.html"), encoding: .utf8)
      #expect(html.contains("Zeros, by depth") && html.contains("Kernels of the first layer"))
      let page = PageReader(html)
      #expect(page.failure == nil && page.ids.contains("layers"))
      let activations = try TinyRun.architecture.graph().nodes.count { $0.operation is Activation }
      #expect(activations > 4)
      let section = try #require(html.components(separatedBy: "Every activation in numbers").last)
      let rows = section.components(separatedBy: "</table>")[0].components(separatedBy: "<tr>").count - 1
      #expect(rows == activations + 1)
    }
  }
}
