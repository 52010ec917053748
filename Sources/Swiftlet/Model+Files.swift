// Model+Files.swift: models from every kind of weight file.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletData
import SwiftletFormats
import SwiftletGraph
import SwiftletInference
import SwiftletTraining
import SwiftletVision

extension Model {
  /// Reads a model from a file: one of ours (``save(to:)``), or a state dict of torchvision or timm, which is
  /// recognized by the names and shapes of its tensors.
  ///
  /// - Parameters:
  ///   - path: safetensors, or a PyTorch checkpoint (`.pth`, `.pt`).
  ///   - network: the network that it must be, by its name in the zoo; any if `nil`.
  ///   - options: changes to the network: the dialect where two libraries share names, the width, the resolution.
  /// - Throws: ``FormatError`` where the file is damaged, ``ModelError`` where its weights are of no network of the zoo or
  ///   not of `network`, with the first names that disagree and both shapes.
  public init(
    contentsOf path: String, network: String? = nil, options: ZooOptions = ZooOptions()
  ) throws {
    self = try Self.model(WeightFile.read(path), of: path, network: network, options: options)
  }

  /// Reads weights for an architecture of your own choice from a file of ours or of a library.
  ///
  /// - Throws: ``FormatError``, ``ModelError``.
  public init(_ architecture: Architecture, weights path: String) throws {
    self = try Self.model(architecture, weights: WeightFile.read(path), of: path)
  }
}
