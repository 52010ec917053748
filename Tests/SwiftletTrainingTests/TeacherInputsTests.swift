// TeacherInputsTests.swift: a batch turned for a teacher is what the teacher's own preprocessing makes of the photograph.

import SwiftletCore
import SwiftletTraining
import SwiftletVision
import TestSupport
import Testing

@Suite struct TeacherInputsTests {
  private func photograph(_ side: Int, seed: UInt64) throws -> RGBImage {
    var generator = SeededGenerator(seed: seed, stream: 0)
    return try RGBImage(
      width: side, height: side, pixels: (0..<(3 * side * side)).map { _ in UInt8(generator.uniform(0, 255)) }
    )
  }

  @Test(arguments: [8, 16, 24, 31, 32, 48, 64])
  func equalsTheTeachersPreprocessing(side: Int) throws {
    let own = Preprocessing.cifar()
    var turned = Preprocessing.tensorFlow(resolution: side)
    turned.framing = .whole
    var reversed = Preprocessing.cifar(resolution: side)
    reversed.channelOrder = .bgr
    let photographs = try [photograph(32, seed: 1), photograph(32, seed: 2)]
    let batch = try Tensor(
      shape: [2, 32, 32, 3], floats: photographs.flatMap { try own.input($0).floats() })
    for other in [turned, reversed, .cifar(resolution: side)] {
      let result = try TeacherInputs(from: own, to: other)(batch)
      let wanted = try photographs.flatMap { try other.input($0).floats() }
      #expect(result.shape == [2, side, side, 3])
      // Pillow rounds to bytes after each of its two passes: half a byte each.
      let byte: Float = (other.scale == .unit ? 1 / 255 : 1) / (other.standardDeviation.min() ?? 1)
      let worst = zip(result.floats(), wanted).map { abs($0 - $1) }.max() ?? .infinity
      #expect(worst <= 1.01 * byte, "\(other): \(worst)")
    }
  }
}
