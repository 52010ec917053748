import SwiftletCore
import Testing

@Suite struct TensorTests {
  @Test func aTensorKeepsItsElements() throws {
    let tensor = try Tensor(shape: [2, 3], floats: [1, 2, 3, 4, 5, 6])
    #expect(tensor.floats() == [1, 2, 3, 4, 5, 6])
    #expect(tensor.doubles() == [1, 2, 3, 4, 5, 6])
    #expect(try tensor.reshaped([3, 2]).shape == [3, 2])
    #expect(throws: TensorError.countMismatch(shape: [4], count: 6)) { try tensor.reshaped([4]) }
  }

  @Test func aTensorMustLieInsideItsStorage() throws {
    let storage = TensorStorage(byteCount: 10) { _ in }
    #expect(throws: TensorError.self) { try Tensor(shape: [3], scalarType: .float32, storage: storage) }
    #expect(throws: TensorError.self) {
      try Tensor(shape: [1 << 40, 1 << 40], scalarType: .float32, storage: storage)
    }
    #expect(throws: TensorError.self) {
      try Tensor(shape: [1], scalarType: .uint8, storage: storage, byteOffset: 11)
    }
    #expect(try Tensor(shape: [2], scalarType: .float32, storage: storage, byteOffset: 2).floats() == [0, 0])
  }

  /// Every number of 16 bits comes back, halfway values go to the even neighbour, and nothing else is nearer.
  @Test func roundingToHalfIsToTheNearestEven() throws {
    func rounded(_ values: [Float]) throws -> [Float] {
      try Tensor(shape: [values.count], floats: values).roundedToHalf().floats()
    }
    let codes = (0..<0x7C00).map { UInt16($0) }
    let storage = TensorStorage(byteCount: 2 * codes.count) { bytes in
      for (index, code) in codes.enumerated() {
        bytes.storeBytes(of: code.littleEndian, toByteOffset: 2 * index, as: UInt16.self)
      }
    }
    let all = try Tensor(shape: [codes.count], scalarType: .float16, storage: storage).floats()
    #expect(all == all.sorted() && all.last == 65_504)
    #expect(try rounded(all) == all)
    #expect(try rounded(all.map { -$0 }) == all.map { -$0 })
    let (below, above) = (all.dropLast(), all.dropFirst())
    let halfway = zip(below, above).map { ($0 + $1) / 2 }
    #expect(try rounded(halfway) == zip(codes, zip(below, above)).map { $0 % 2 == 0 ? $1.0 : $1.1 })
    #expect(try rounded(halfway.map(\.nextDown)) == Array(below))
    #expect(try rounded(halfway.map(\.nextUp)) == Array(above))
    #expect(try rounded([65_519.996, 65_520, -1e30]) == [65_504, .infinity, -.infinity])
    #expect(try rounded([.nan])[0].isNaN)
  }

  static let halves: [(UInt16, Double)] = [
    (0x0000, 0), (0x3C00, 1), (0xC000, -2), (0x7BFF, 65504), (0x0001, 0x1p-24),
    (0x83FF, -0x3FFp-24), (0x3555, 0.333251953125), (0x7C00, .infinity),
  ]

  @Test(arguments: halves)
  func halvesAreReadExactly(bits: UInt16, value: Double) throws {
    let storage = TensorStorage(byteCount: 2) { $0.storeBytes(of: bits.littleEndian, as: UInt16.self) }
    #expect(try Tensor(shape: [1], scalarType: .float16, storage: storage).doubles() == [value])
  }

  @Test func brainFloatsAndIntegersAreReadExactly() throws {
    let bits = UInt16(0xC040).littleEndian
    let brain = TensorStorage(byteCount: 2) { $0.storeBytes(of: bits, as: UInt16.self) }
    #expect(try Tensor(shape: [], scalarType: .bfloat16, storage: brain).doubles() == [-3])
    #expect(try Tensor(shape: [2], integers: [-7, 1 << 40]).doubles() == [-7, 0x1p40])
    #expect(try Tensor(shape: [2], bytes: [0, 255]).floats() == [0, 255])
  }

  @Test func randomStreamsRepeatAndDiffer() {
    var a = SeededGenerator(seed: 1, stream: "x")
    var b = SeededGenerator(seed: 1, stream: "x")
    var c = SeededGenerator(seed: 1, stream: "y")
    let first = (0..<1000).map { _ in a.uniform() }
    #expect(first == (0..<1000).map { _ in b.uniform() })
    #expect(first != (0..<1000).map { _ in c.uniform() })
    #expect(first.allSatisfy { 0 <= $0 && $0 < 1 })
    #expect(abs(first.reduce(0, +) / 1000 - 0.5) < 0.05)
  }
}
