// WinogradStep.swift: dense 3 × 3 convolutions with stride 1 by Winograd's minimal filtering F(4 × 4, 3 × 3).
//
// Lavin and Gray 2015 (arXiv 1509.09308): 36 products for 144, in tiles of 4 × 4 output pixels.

import CKernels
import SwiftletGraph

/// A dense convolution in tiles: transformed, multiplied by position, transformed back.
struct WinogradStep: PlanStep {
  let labels: [String]
  let input: Value, output: Value
  let channels: Int, columns: Int
  let padding: Padding
  /// The first of 36 packed matrices, and floats from one to the next.
  let weights: PackedMatrix, weightStride: Int
  let epilogue: Epilogue
  /// The sizes that its speed depends on.
  let shape: StepShape
  /// Tiles of one image, and tiles that go through the three stages together.
  let tiles: Int, tilesAtOnce: Int

  var name: String { "winograd" }
  var reads: [Value] { [input] + [epilogue.residual].compactMap { $0 } }
  var writes: [Value] { [output] }
  /// The transformed input, and the products.
  var scratchBytes: Int { (4 * 36 * tilesAtOnce * (channels + columns)).rounded(upTo: MemoryPlanner.line) }

  func bind(_ memory: StepMemory) -> any BoundStep {
    let (from, to) = (memory.shape(input), memory.shape(output))
    var call = sk_winograd()
    call.input = UnsafePointer(memory.floats(input))
    (call.height, call.width, call.channels) = (from[1], from[2], channels)
    (call.pad_top, call.pad_left) = (padding.top, padding.left)
    call.c = memory.floats(output)
    call.c_stride = to[3]
    (call.output_height, call.output_width, call.columns) = (to[1], to[2], columns)
    call.epilogue = memory.epilogue(epilogue, channels: to[3])
    return BoundWinograd(
      self, call, caches: memory.plan.caches, weights: memory.singles(weights), images: to[0],
      inputImage: from[1] * from[2] * from[3],
      scratch: memory.scratch)
  }
}

extension WinogradStep: FastPath {
  static func takes(_ operation: any GraphOperation) -> Bool {
    guard let convolution = operation as? Convolution else { return false }
    return convolution.window.kernel == 3 && convolution.window.stride == 1 && convolution.groups == 1
  }

  static func lower(_ node: Node, _ lowering: inout Lowering) throws -> Lowered? {
    let output = lowering.shape(node.outputs[0])
    guard let operation = node.operation as? Convolution, let weight = lowering.layerWeight(node) else {
      return nil
    }
    let (channels, columns) = (weight.shape[2], weight.shape[3])
    let shape = StepShape.winograd(height: output[1], width: output[2], channels: channels, columns: columns)
    guard isFaster(shape, lowering.backend) else { return nil }
    let stride = Int(lowering.kernels.gemm_packed_count(channels, columns)).rounded(upTo: 16)
    let pack = lowering.kernels.winograd_pack
    let packed = lowering.blob.reserve(36 * stride, of: Float.self) { destination in
      weight.withFloats { pack?($0.baseAddress, channels, columns, destination, stride) }
    }
    // As many tiles as keep the intermediate results in L2, but enough that reading the weights takes no longer than multiplying.
    let tiles = output[1].tiles(of: 4) * output[2].tiles(of: 4)
    let most = max(lowering.backend.caches.winogradScratchBytes / (4 * 36 * (channels + columns)), 16)
    let (epilogue, result, labels) = lowering.epilogue(of: node)
    return .step(
      Self(
        labels: labels, input: node.inputs[0], output: result, channels: channels, columns: columns,
        padding: operation.window.padding, weights: PackedMatrix(offset: packed, format: .float32),
        weightStride: stride, epilogue: epilogue, shape: shape, tiles: tiles,
        tilesAtOnce: tiles.tiles(of: tiles.tiles(of: most))))
  }

  /// Whether it is taken: as was measured, else by a rule. With fewer than nine tiles, or channels that fill no tile of the product,
  /// the transforms and the fourfold weights cost more than is saved.
  private static func isFaster(_ shape: StepShape, _ backend: CPUBackend) -> Bool {
    switch backend.winograd {
    case .never: return false
    case .always: return true
    case .whereItPays:
      if let choice = backend.selection.choice(shape, backend.instructionSet) { return choice }
      guard case .winograd(let height, let width, let channels, let columns) = shape else { return false }
      return channels >= 32 && columns >= 32 && height >= 9 && width >= 9
    }
  }
}

/// A Winograd step with its pointers.
private final class BoundWinograd: BoundStep {
  private let step: WinogradStep
  private let call: sk_winograd
  private let caches: CacheSizes
  private let weights: UnsafePointer<Float>?
  private let images: Int, inputImage: Int
  /// The first worker's scratch.
  private let scratch: UnsafeMutableRawPointer

  init(
    _ step: WinogradStep, _ call: sk_winograd, caches: CacheSizes, weights: UnsafePointer<Float>?,
    images: Int,
    inputImage: Int, scratch: UnsafeMutableRawPointer
  ) {
    (self.step, self.call, self.caches, self.weights, self.images) = (step, call, caches, weights, images)
    (self.inputImage, self.scratch) = (inputImage, scratch)
  }

  /// Does one worker's share of the tiles of all images.
  func run(_ kernels: borrowing sk_kernels, worker: Int, of workers: Int) {
    let mine = Range.partition(images * step.tiles, of: worker, workers)
    let panels = step.columns.tiles(of: kernels.gemm_panel)
    let transformed = (scratch + worker * step.scratchBytes).assumingMemoryBound(to: Float.self)
    for image in 0..<images {
      let own = mine.inImage(image, each: step.tiles)
      if own.isEmpty { continue }
      var call = call
      call.input += image * inputImage
      let output = image * call.output_height * call.output_width * call.c_stride
      call.c += output
      if call.epilogue.residual != nil { call.epilogue.residual += output }
      for tiles in own.tiles(of: step.tilesAtOnce) {
        let count = tiles.count
        let products = transformed + 36 * count * step.channels
        kernels.winograd_input(&call, tiles.lowerBound, tiles.upperBound, transformed)
        var product = sk_gemm(caches)
        product.a_stride = step.channels
        product.c_stride = step.columns
        (product.rows, product.depth, product.columns) = (count, step.channels, step.columns)
        for position in 0..<36 {
          product.a = UnsafePointer(transformed + position * count * step.channels)
          product.b = weights.map { $0 + position * step.weightStride }
          product.c = products + position * count * step.columns
          kernels.gemm(&product, 0, count, 0, panels)
        }
        kernels.winograd_output(&call, tiles.lowerBound, tiles.upperBound, products)
      }
    }
  }
}
