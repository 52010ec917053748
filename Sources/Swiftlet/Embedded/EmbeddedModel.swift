// EmbeddedModel.swift: the network that every copy of the program carries.

import CEmbeddedModel
import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletData
import SwiftletFormats
import SwiftletGraph
import SwiftletInference
import SwiftletTraining
import SwiftletVision

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A small network that Swiftlet trained on CIFAR-10, compiled into the program: it needs no file and no network.
///
/// It has ten classes. See `Documentation/embedded-model.md` for its training.
public enum EmbeddedModel {
  /// Its name for `--model`.
  public static let name = "embedded"

  /// Reads it. The result is not cached, so keep it.
  ///
  /// - Parameter resolution: pixels a side, other than those that it was trained on.
  /// - Throws: ``FormatError`` or ``ModelError`` where the program was built with a damaged one.
  public static func load(resolution: Int? = nil) throws -> Model {
    let file = try SafetensorsFile(MappedFile(path: place, storage: storage()))
    let options = ZooOptions(resolution: resolution)
    guard let model = try Model.ours(place, file.tensors, file.metadata, nil, options) else {
      throw FormatError.malformed(file: place, reason: "it does not say what network it is")
    }
    return model
  }

  /// Its file's name in errors.
  static let place = "the embedded model"

  private static func storage() throws -> TensorStorage {
    var length = 0
    let text = swiftlet_embedded_model(&length)
    guard let bytes = Data(base64Encoded: Data(bytes: text, count: length)) else {
      throw FormatError.malformed(file: place, reason: "it is not base64")
    }
    return bytes.withUnsafeBytes { source in
      TensorStorage(byteCount: source.count) { $0.copyMemory(from: source) }
    }
  }
}
