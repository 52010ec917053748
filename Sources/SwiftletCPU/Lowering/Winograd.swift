// Winograd.swift: which dense convolutions run by Winograd's minimal filtering, and in what portions.

import CKernels
import SwiftletGraph

/// A dense 3 × 3 convolution with stride 1 in tiles of 4 × 4 output pixels.
struct WinogradStep: Sendable {
  var channels: Int, columns: Int
  var padding: Padding
  /// The first of 36 packed matrices, and floats from one to the next.
  var weights: BlobOffset, weightStride: Int
  /// `[N, H, W, C]` of the output.
  var output: Shape
  var epilogue: Epilogue

  /// What its speed depends on.
  var shape: WinogradShape {
    WinogradShape(height: output[1], width: output[2], channels: channels, columns: columns)
  }

  /// Tiles of one image.
  var tiles: Int { (output[1] + 3) / 4 * ((output[2] + 3) / 4) }

  /// Tiles that are transformed, multiplied and transformed back together: as many as keep what is between in L2, but enough
  /// that reading the weights does not take longer than multiplying.
  var tilesAtOnce: Int {
    let perTile = 4 * 36 * (channels + columns)
    let most = max(Self.scratchBytes / perTile, 16)
    let portions = (tiles + most - 1) / most
    return (tiles + portions - 1) / portions
  }

  /// Floats of scratch that one part needs: the transformed input, and the products.
  var scratch: Int { (36 * tilesAtOnce * (channels + columns) + 15) / 16 * 16 }

  private static let scratchBytes = 640 << 10

  /// Whether it is possible, and whether it is faster: with fewer than nine tiles, or channels that fill no tile of the product,
  /// the transforms and the fourfold weights cost more than is saved.
  static func applies(
    _ window: Window, groups: Int, input: Shape, output: Shape, _ backend: CPUBackend
  ) -> Bool {
    guard window.kernel == 3, window.stride == 1, groups == 1 else { return false }
    switch backend.winograd {
    case .never: return false
    case .always: return true
    case .whereItPays:
      let shape = WinogradShape(height: output[1], width: output[2], channels: input[3], columns: output[3])
      if let choice = backend.selection.choice(shape, backend.instructionSet) { return choice }
      return input[3] >= 32 && output[3] >= 32 && output[1] >= 9 && output[2] >= 9
    }
  }
}

/// A Winograd step with its pointers.
struct WinogradRun {
  let call: sk_winograd
  let weights: UnsafePointer<Float>?
  let weightStride: Int
  let images: Int, inputImage: Int
  let tiles: Int, tilesAtOnce: Int
  /// Each part's scratch.
  let scratch: UnsafeMutablePointer<Float>
  let scratchCount: Int

  /// Does one part's share of the tiles of all images.
  func run(_ kernels: borrowing sk_kernels, part: Int, parts: Int) {
    let mine = Range.share(images * tiles, of: part, parts)
    let panels = (call.columns + kernels.gemm_panel - 1) / kernels.gemm_panel
    let transformed = scratch + part * scratchCount
    for image in 0..<images {
      let own = mine.inImage(image, each: tiles)
      if own.isEmpty { continue }
      var call = call
      call.input += image * inputImage
      let output = image * call.output_height * call.output_width * call.c_stride
      call.c += output
      if call.epilogue.residual != nil { call.epilogue.residual += output }
      for piece in own.pieces(of: tilesAtOnce) {
        let count = piece.count
        let products = transformed + 36 * count * call.channels
        kernels.winograd_input(&call, piece.lowerBound, piece.upperBound, transformed)
        var product = sk_gemm(
          a: nil, a_stride: call.channels, gate: nil, b: nil, c: nil, c_stride: call.columns, rows: count,
          depth: call.channels, columns: call.columns, epilogue: sk_epilogue(), half_b: nil, ahead: nil,
          ahead_end: nil)
        for position in 0..<36 {
          product.a = UnsafePointer(transformed + position * count * call.channels)
          product.b = weights.map { $0 + position * weightStride }
          product.c = products + position * count * call.columns
          kernels.gemm(&product, 0, count, 0, panels)
        }
        kernels.winograd_output(&call, piece.lowerBound, piece.upperBound, products)
      }
    }
  }
}
