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
  ///   - path: safetensors, or a PyTorch checkpoint (`.pth`, `.pt`, `.ckpt`, `.bin`; the content decides).
  ///   - network: the network that it must be, by its name in the zoo; any if `nil`.
  ///   - options: the dialect where two libraries share names, and the resolution. Width and classes are those of the file;
  ///     others are an error.
  ///   - stateDict: the key of the wanted weights where the file has several sets, such as `ema`; plain weights if `nil`.
  ///   - onNote: is given a line for each choice that was made and for tensors that are not read.
  /// - Throws: ``FormatError`` where the file is damaged, ``ModelError`` where its weights are of no network of the zoo, or
  ///   disagree with `network` or `options`.
  public init(
    contentsOf path: String, network: String? = nil, options: ZooOptions = ZooOptions(),
    stateDict: String? = nil, onNote: (String) -> Void = { _ in }
  ) throws {
    self = try Self.model(
      WeightFile.read(path, stateDict: stateDict), of: path, network: network, options: options,
      stateDict: stateDict, onNote: onNote)
  }

  /// Reads weights for an architecture of your own choice from a file of ours or of a library.
  ///
  /// - Throws: ``FormatError``, ``ModelError``.
  public init(_ architecture: Architecture, weights path: String) throws {
    self = try Self.model(architecture, weights: WeightFile.read(path), of: path)
  }

  /// Compares a weight file with the checksum that its name states, as `mobilenet_v2-b0353104.pth` does.
  ///
  /// - Throws: ``FormatError/wrongDigest(file:expected:found:)``.
  public static func checkDigest(inNameOf path: String) throws { try Digest.checkName(ofFile: path) }
}
