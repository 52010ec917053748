// AdaptiveAveragePool.swift: the mean over a fixed grid, whatever the input's size: VGG's way to other resolutions.

/// `[N, H, W, C]` → `[N, size, size, C]`: output row i is the mean of input rows ⌊i·H/size⌋ to ⌈(i+1)·H/size⌉ − 1,
/// likewise for columns (torchvision's VGG pools to 7×7 before its linear layers).
public struct AdaptiveAveragePool: GraphOperation {
  public static let name = "adaptiveAveragePool"
  /// Rows and columns of the output.
  public var size: Int

  /// Creates an adaptive average pool.
  public init(size: Int) { self.size = size }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expectCount(inputs, 1...1)
    let type = try expectFloats(inputs)
    let shape = try inputs[0].featureMap()
    guard size >= 1 else { throw OperationError("size \(size) must be at least 1") }
    return [TensorType([shape[0], size, size, shape[3]], type)]
  }

  public func reference(_ inputs: [HostTensor]) -> [HostTensor] {
    let x = inputs[0]
    let channels = x.channels
    var y = HostTensor([x.shape[0], size, size, channels])
    Self.forEachPair(input: x.shape, size: size) { inputPixel, outputPixel, share in
      for c in 0..<channels {
        y.values[outputPixel * channels + c] += x.values[inputPixel * channels + c] * share
      }
    }
    return [y]
  }

  public func gradient(_ context: inout GradientContext) throws -> [Value?] {
    let dy = try context.outputGradient()
    return [try context.emit(AdaptiveAveragePoolGradient(input: context.inputType(0).shape), dy)]
  }

  public func cost(_ inputs: [TensorType]) -> Cost { Cost(elementwise: inputs[0].shape.count) }

  public static func samples(using generator: inout SeededGenerator) -> [Sample] {
    let cases: [(Int, Shape)] = [(3, [2, 5, 7, 2]), (3, [1, 1, 2, 3]), (2, [1, 4, 4, 1])]
    return cases.map { Sample(Self(size: $0), [HostTensor($1, uniform: -1...1, using: &generator)]) }
  }

  /// The rows or columns of a cell, of `length` in all.
  package static func cell(_ index: Int, of size: Int, _ length: Int) -> Range<Int> {
    (index * length / size)..<(((index + 1) * length + size - 1) / size)
  }

  /// Calls `body` for each pixel of each output's cell, with the pixel's share of the mean.
  static func forEachPair(input: Shape, size: Int, _ body: (Int, Int, Double) -> Void) {
    for n in 0..<input[0] {
      for oy in 0..<size {
        for ox in 0..<size {
          let (rows, columns) = (cell(oy, of: size, input[1]), cell(ox, of: size, input[2]))
          let share = 1 / Double(rows.count * columns.count)
          for y in rows {
            for x in columns {
              body((n * input[1] + y) * input[2] + x, (n * size + oy) * size + ox, share)
            }
          }
        }
      }
    }
  }
}
