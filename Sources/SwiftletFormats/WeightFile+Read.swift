// WeightFile+Read.swift: one way into every kind of weight file.

import SwiftletCore
@_exported import SwiftletWeights

extension WeightFile {
  /// Reads a weight file.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - stateDict: the key of the wanted state dict where a checkpoint has several.
  /// - Throws: ``FormatError`` where it cannot be read, is damaged, or is of no kind that is read.
  package static func read(_ path: String, stateDict: String? = nil) throws -> Contents {
    try read(MappedFile(contentsOf: path), stateDict: stateDict)
  }

  /// Reads a weight file that is mapped already.
  package static func read(_ file: MappedFile, stateDict: String? = nil) throws -> Contents {
    // Looked for before pickles: the length of a header may look like the start of one.
    if isSafetensors(file) { return try readSafetensors(file) }
    switch file.storage.withUnsafeBytes(Kind.init) {
    case .pyTorch:
      let checkpoint = try PyTorchCheckpoint(file, stateDict: stateDict)
      return Contents(format: .pyTorch, tensors: checkpoint.tensors, note: checkpoint.note)
    case .other(let reason): throw FormatError.unsupported(file: file.path, reason: reason)
    }
  }

  private enum Kind {
    case pyTorch
    case other(String)

    init(_ bytes: UnsafeRawBufferPointer) {
      func begins(_ start: String, at offset: Int = 0) -> Bool {
        bytes.dropFirst(offset).starts(with: start.utf8)
      }
      if begins("TFL3", at: 4) {
        self = .other("is a TFLite file, which is not supported yet")
      } else if PyTorchCheckpoint.Form(bytes) != nil {
        self = .pyTorch
      } else if begins("ustar", at: 257) {
        self = .other("is a tar archive; PyTorch before 0.1.10 wrote such checkpoints, which are not read")
      } else if begins("\u{8}") && bytes.prefix(64).contains(UInt8(ascii: ":")) {
        self = .other(
          "looks like an ONNX file, which is not read; convert the PyTorch weights that it was made of")
      } else if begins("HDF\r\n", at: 1) {
        self = .other("is an HDF5 file (Keras), which is not supported")
      } else if begins("<") {
        self = .other("is a web page or XML, not a weight file; was the download refused?")
      } else {
        self = .other("is no weight file that is known: safetensors and PyTorch checkpoints are read")
      }
    }
  }
}
