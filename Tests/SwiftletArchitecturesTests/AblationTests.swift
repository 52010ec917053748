// AblationTests.swift: changes behind a network's name, against the same table written by hand.

import SwiftletArchitectures
import TestSupport
import Testing

@Suite struct AblationTests {
  /// Rows of MobileNetV2 with changes, as its table would be written.
  private func mobileNetV2(_ change: (inout Architecture) -> Void) throws -> Architecture {
    var network = try Zoo.architecture("mobilenet_v2")
    change(&network)
    return network
  }

  private func operations(_ name: String) throws -> [String] {
    try Zoo.architecture(name).graph().description.split(separator: "\n").map(String.init)
  }

  @Test func widthsAndResolutionsAreThoseOfTheOptions() throws {
    for (name, width, pixels) in [("mobilenet_v1@0.5:160", 0.5, 160), ("mobilenet_v2@0.35", 0.35, 224)] {
      let expected = try Zoo.architecture(
        Zoo.plainName(name), ZooOptions(width: width, resolution: pixels))
      #expect(try Zoo.architecture(name) == expected)
    }
  }

  @Test func activationsAreReplacedEverywhere() throws {
    for (name, word) in [("relu", "relu"), ("h-swish", "hardSwish"), ("tanh", "tanh"), ("silu", "silu")] {
      let plain = try operations("mobilenet_v2")
      let changed = try operations("mobilenet_v2+\(name)")
      #expect(plain.count == changed.count)
      #expect(changed.contains { $0.contains(word) } && !changed.contains { $0.contains("relu6") })
    }
  }

  @Test func shortcutsAreLeftOut() throws {
    let sums = { (name: String) in try self.operations(name).count { $0.contains(" add") } }
    // Ten of the seventeen blocks have one (arXiv 1801.04381, table 2).
    #expect(try sums("mobilenet_v2") == 10 && sums("mobilenet_v2+no-shortcut") == 0)
  }

  /// arXiv 1801.04381, table 2: blocks after a row's first have a shortcut, and projections are linear.
  @Test func tablesNameShortcutsAndProjections() throws {
    let rows = try Zoo.architecture("mobilenet_v2").summary().rows
    #expect(rows.map(\.shortcuts) == [0, 0, 1, 2, 3, 2, 2, 0] + [Int](repeating: 0, count: rows.count - 8))
    #expect(rows[1...7].allSatisfy { $0.projection == "linear" } && rows[0].projection == nil)
    #expect(try Zoo.architecture("mobilenet_v2+no-shortcut").summary().rows.allSatisfy { $0.shortcuts == 0 })
    #expect(try Zoo.architecture("mobilenet_v2+nonlinear").summary().rows[1].projection == "R6")
  }

  @Test func aNonlinearProjectionHasOneActivationMoreABlock() throws {
    let activations = { (name: String) in try self.operations(name).count { $0.contains(" activation") } }
    #expect(try activations("mobilenet_v2+nonlinear") == activations("mobilenet_v2") + 17)
    #expect(
      try Zoo.architecture("mobilenet_v2+nonlinear").summary().parameters
        == Zoo.architecture("mobilenet_v2").summary().parameters)
  }

  @Test func expansionAndSqueezeAreThoseOfATable() throws {
    let byFour = try mobileNetV2 { network in
      network.name = "mobilenet_v2+expand=4"
      // c, s, n of arXiv 1801.04381, table 2.
      let table: [[Int]] = [
        [16, 1, 1], [24, 2, 2], [32, 2, 3], [64, 2, 4], [96, 1, 3], [160, 2, 3], [320, 1, 1],
      ]
      network.stages = table.enumerated().map { index, row in
        [.mbconv(row[0], stride: row[1], expand: .by(index == 0 ? 1 : 4), repeats: row[2])]
      }
    }
    let changed = try Zoo.architecture("mobilenet_v2+expand=4")
    #expect(try changed.summary().parameters == byFour.summary().parameters)
    #expect(try changed.summary().multiplyAdds == byFour.summary().multiplyAdds)
    #expect(
      try Zoo.architecture("se_resnet50+no-squeeze").summary().parameters
        == Zoo.architecture("resnet50").summary().parameters)
    #expect(
      try Zoo.architecture("resnet50+squeeze=16").summary().parameters
        == Zoo.architecture("se_resnet50").summary().parameters)
    #expect(
      try Zoo.architecture("se_resnet50+squeeze=8").summary().parameters
        > Zoo.architecture("se_resnet50").summary().parameters)
  }

  /// The first strides become 1, and every weight keeps its shape.
  @Test(arguments: [
    ("cifar_mobilenet_v2", 8, [1, 1, 1, 2, 2, 1, 2, 1]), ("mobilenet_v2", 8, [1, 1, 1, 2, 2, 1, 2, 1]),
    ("mobilenet_v2", 1, [1, 1, 1, 1, 1, 1, 1, 1]), ("cifar_resnet20", 2, [1, 1, 1, 2]),
  ])
  func earlyStridesAreTakenOut(name: String, stride: Int, strides: [Int]) throws {
    let (plain, changed) = (
      try Zoo.architecture(name), try Zoo.architecture("\(name)+total-stride=\(stride)")
    )
    #expect(changed.totalStride == stride)
    #expect((changed.stem + changed.stages.flatMap { $0 }).map(\.block.stride) == strides)
    let shapes = { (network: Architecture) in
      try network.graph().parameters.map { "\($0.name) \($0.shape)" }
    }
    #expect(try shapes(changed) == shapes(plain))
  }

  @Test(arguments: [
    ("mobilenet_v2+total-stride=32", "could change"), ("mobilenet_v2+total-stride=64", "could change"),
    ("mobilenet_v2+total-stride=0", "could change"), ("mobilenet_v2+total-stride=3", "could change"),
    ("mobilenet_v2+foo", "'foo' is no change"), ("mobilenet_v2+", "'' is no change"),
    ("mobilenet_v2@half", "'mobilenet_v2@half' is no change"), ("mobilenet_v2@0.5:x", "is no change"),
    ("mobilenet_v2@0.5:96:3", "is no change"), ("mobilenet_v2+expand=many", "is no change"),
    ("mobilenet_v1+no-shortcut", "no block that 'no-shortcut' could change"),
    ("resnet50+nonlinear", "no block that"), ("mobilenet_v2+expand=0", "must be between"),
    ("mobilenet_v2@-1", "the width multiplier"), ("mobilnet_v2+relu", "did you mean 'mobilenet_v2'?"),
  ])
  func mistakesAreNamed(name: String, part: String) {
    let error = #expect(throws: ArchitectureError.self) { try Zoo.architecture(name) }
    let line = error.map { "\($0)" } ?? ""
    #expect(line.contains(part) && !line.contains("\n"), "\(line)")
  }
}
