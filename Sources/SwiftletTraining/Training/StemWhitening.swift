// StemWhitening.swift: starting weights of the first convolution from the training images.

import SwiftletArchitectures
import SwiftletCore
import SwiftletData
import SwiftletVision

/// Starts the first convolution with the principal components of the images' patches.
///
/// Neighboring pixels are nearly equal, so with random kernels most outputs of the first layer say the same: the mean color. With the
/// eigenvectors of the patches' covariance as kernels the outputs are uncorrelated, and the batch norm behind them gives each the
/// variance 1: together the layer whitens its input (LeCun et al. 1998, "Efficient BackProp", section 4.3; Jordan 2024,
/// arXiv 2404.00498, section 3.2). Each component has a kernel of either sign, since ReLU passes one half of the values only.
struct StemWhitening {
  /// The name of the kernel `[k, k, C, O]`.
  let name: String
  /// Its shape.
  let shape: Shape

  /// The first convolution of a network; `nil` where the image does not go into a dense convolution.
  init?(of graph: Graph) {
    guard let image = graph.inputs.first(where: { $0.name == PortName.image })?.value,
      let node = graph.nodes.first(where: { $0.inputs.first == image }),
      let convolution = node.operation as? Convolution, convolution.groups == 1, node.inputs.count > 1,
      let kernel = graph.parameters.first(where: { $0.value == node.inputs[1] }), kernel.role == .convolution
    else { return nil }
    (name, shape) = (kernel.name, kernel.shape)
  }

  /// Numbers in a patch.
  private var patch: Int { shape[0] * shape[1] * shape[2] }

  /// The starting weights of a run: those that are given, with another first kernel where it is the seeded one.
  ///
  /// - Throws: as ``kernel(from:images:preprocessing:)``; ``GraphError`` where the network makes no graph.
  static func applied(
    to parameters: Parameters, of network: NetworkDefinition, _ recipe: Recipe, _ images: any ImageDataset,
    _ preprocessing: Preprocessing
  ) throws -> Parameters {
    let graph = try network.graph(batch: 1)
    guard let stem = StemWhitening(of: graph),
      let seeded = try graph.parameters.first(where: { $0.name == stem.name })?.initialTensor(
        seed: recipe.seed),
      seeded.floats() == parameters[stem.name]?.floats()
    else { return parameters }
    var result = parameters
    result[stem.name] = try Tensor(
      shape: stem.shape,
      floats: try stem.kernel(from: seeded.floats(), images: images, preprocessing: preprocessing))
    return result
  }

  /// The kernel for images: components by falling variance, each with both signs, as far as there are outputs; the outputs that are
  /// left keep their values. All kernels have the mean norm of `start`, so that a learning rate changes them as it would those.
  ///
  /// - Parameters:
  ///   - start: the seeded kernel.
  ///   - images: the training images; up to 1000 of them, evenly spaced, are read.
  ///   - preprocessing: their preprocessing.
  /// - Throws: the reading errors of the images where none can be read.
  func kernel(from start: [Float], images: any ImageDataset, preprocessing: Preprocessing) throws -> [Float] {
    let covariance = try covariance(of: images, preprocessing)
    let components = SymmetricEigen(covariance, size: patch)
    let outputs = shape[3]
    func norm(_ output: Int) -> Double {
      (0..<patch).reduce(0) {
        $0 + Double(start[$1 * outputs + output]) * Double(start[$1 * outputs + output])
      }
      .squareRoot()
    }
    let length = (0..<outputs).reduce(0) { $0 + norm($1) } / Double(outputs)
    var kernel = start
    for pair in 0..<min(outputs / 2, patch) {
      for i in 0..<patch {
        let value = Float(length * components.vectors[pair * patch + i])
        kernel[i * outputs + 2 * pair] = value
        kernel[i * outputs + 2 * pair + 1] = -value
      }
    }
    return kernel
  }

  /// Places of an 8 × 8 grid between 0 and the last row and column; all places of a small image.
  private static func places(_ lastRow: Int, _ lastColumn: Int) -> [(row: Int, column: Int)] {
    func grid(_ last: Int) -> [Int] { last < 8 ? Array(0...last) : (0..<8).map { $0 * last / 7 } }
    return grid(lastRow).flatMap { row in grid(lastColumn).map { (row, $0) } }
  }

  /// The covariance of patches at places of a grid in each image, `[patch, patch]`.
  private func covariance(of images: any ImageDataset, _ preprocessing: Preprocessing) throws -> [Double] {
    let count = min(images.count, 1000)
    var sums = [Double](repeating: 0, count: patch)
    var products = [Double](repeating: 0, count: patch * patch)
    var values = [Double](repeating: 0, count: patch)
    var (patches, failure): (Double, (any Error)?) = (0, nil)
    for number in 0..<count {
      let input: Tensor
      do { input = try preprocessing.input(images.image(number * images.count / count)) } catch {
        failure = error
        continue
      }
      let (height, width, channels) = (input.shape[1], input.shape[2], input.shape[3])
      guard height >= shape[0], width >= shape[1], channels == shape[2] else { continue }
      input.withFloats { pixels in
        for (top, left) in Self.places(height - shape[0], width - shape[1]) {
          for i in 0..<patch {
            let (y, x, channel) = (i / channels / shape[1], i / channels % shape[1], i % channels)
            values[i] = Double(pixels[((top + y) * width + left + x) * channels + channel])
          }
          patches += 1
          for i in 0..<patch {
            sums[i] += values[i]
            for j in 0...i { products[i * patch + j] += values[i] * values[j] }
          }
        }
      }
    }
    if patches == 0, let failure { throw failure }
    for i in 0..<patch {
      for j in 0...i {
        let covariance = (products[i * patch + j] - sums[i] * sums[j] / max(patches, 1)) / max(patches, 1)
        products[i * patch + j] = covariance
        products[j * patch + i] = covariance
      }
    }
    return products
  }
}
