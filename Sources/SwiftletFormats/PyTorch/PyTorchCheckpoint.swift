// PyTorchCheckpoint.swift: reads both forms of torch.save's files.
//
// Since PyTorch 1.6: a zip archive of `<folder>/data.pkl`, `<folder>/byteorder` and `<folder>/data/<key>`.
// Before: five pickles in a row (magic number, version, system, object, storage keys), then the storages.

import SwiftletCore

/// The tensors of a PyTorch checkpoint, `.pth` or `.pt`, as `torch.save` writes it.
///
/// Nothing of the file is executed. Objects that are neither tensors nor plain containers (arguments, paths, NumPy's
/// scalars, sets, dates, any class) are kept as records of their names. A tensor of a kind that is not read (sparse,
/// quantized) is refused by name. Memory is bounded by the size of the file.
///
/// **Which tensors.** The dictionaries of tensors are searched under any keys, in lists and attributes too; a pickled
/// module gives the tensors that its `state_dict()` has. Plain weights come before averaged ones
/// (`StateDictSearch`); ``note`` says so where there were several. Other values (an epoch, arguments, an optimizer's
/// lists) are skipped.
///
/// **Views.** Tensors that are contiguous share their storage. Others (transposed, expanded) are copied in the
/// order of their shape; the copies may take 64 MiB or four times the file, whichever is more.
package struct PyTorchCheckpoint: Sendable {
  /// The tensors, in the order of the state dict. `num_batches_tracked` are among them, as `int64` scalars.
  package let tensors: NamedTensors
  /// One line about the choice where the file has several state dicts.
  package let note: String?

  /// `data.pkl` may have this many bytes.
  static let largestPickle = 64 << 20

  /// Reads a checkpoint.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - stateDict: the key of the wanted state dict where there are several, such as `ema`; a key that none has
  ///     leaves the usual choice.
  /// - Throws: ``FormatError`` where the file cannot be read, is damaged, holds tensors that are not read
  ///   (``FormatError/refusedGlobal(file:name:)``) or no state dict, is big-endian, or needs more memory than its
  ///   size allows.
  package init(contentsOf path: String, stateDict: String? = nil) throws {
    try self.init(MappedFile(contentsOf: path), stateDict: stateDict)
  }

  /// Reads a checkpoint that is mapped already.
  package init(_ file: MappedFile, stateDict: String? = nil) throws {
    do {
      switch file.storage.withUnsafeBytes(Form.init) {
      case .zip: (tensors, note) = try Self.readZip(file, stateDict)
      case .legacy: (tensors, note) = try Self.readLegacy(file, stateDict)
      case nil:
        let reason = "is no PyTorch checkpoint: neither a zip archive nor the older form's pickle"
        throw FormatError.unsupported(file: file.path, reason: reason)
      }
    } catch let error as PickleError {
      throw error.inFile(file.path)
    }
  }

  /// The two forms of file that torch.save has written.
  enum Form {
    case zip, legacy

    /// Recognizes a file by its first bytes.
    init?(_ bytes: UnsafeRawBufferPointer) {
      if bytes.starts(with: [0x50, 0x4B, 3, 4]) || bytes.starts(with: [0x50, 0x4B, 5, 6]) {
        self = .zip
      } else if bytes.count > 2, bytes[0] == 0x80, bytes[1] <= 5 {
        self = .legacy
      } else if bytes.starts(with: "L\(magicText)\n".utf8) {
        // Protocols 0 and 1 do not say so.
        self = .legacy
      } else {
        return nil
      }
    }
  }

  /// The number that begins the older form, as bytes and as protocols 0 and 1 write it.
  private static let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
  private static let magicText = "119547037146038801333356L"

  // MARK: The two forms

  private static func readZip(
    _ file: MappedFile, _ key: String?
  ) throws -> (NamedTensors, String?) {
    let archive = try ZipArchive(file)
    let pickles = archive.entries.filter { entry in
      let parts = entry.name.split(separator: "/", omittingEmptySubsequences: false)
      return parts.last == "data.pkl" && parts.count <= 2
    }
    guard let pickle = pickles.first, pickles.count == 1 else {
      let reason = "is a zip archive, but no PyTorch checkpoint: it has \(pickles.count) entries 'data.pkl'"
      throw FormatError.unsupported(file: file.path, reason: reason)
    }
    guard pickle.byteCount <= largestPickle else {
      let reason = "its data.pkl has \(pickle.byteCount) bytes; \(largestPickle) are allowed"
      throw FormatError.overLimit(file: file.path, reason: reason)
    }
    let folder = String(pickle.name.dropLast("data.pkl".count))
    if let entry = archive.entry("\(folder)byteorder") {
      let order = entry.byteCount <= 16 ? try archive.read(entry) : nil
      guard let order, order.withUnsafeBytes({ $0.elementsEqual("little".utf8) }) else {
        throw bigEndian(file)
      }
    }
    return try archive.read(pickle).withUnsafeBytes { bytes in
      var unpickler = Unpickler(PickleStream(bytes))
      let root = try unpickler.run()
      return try read(root, unpickler.heap, ZipStorages(archive: archive, folder: folder), file, key)
    }
  }

  private static func readLegacy(
    _ file: MappedFile, _ key: String?
  ) throws -> (NamedTensors, String?) {
    try file.storage.withUnsafeBytes { bytes in
      var unpickler = Unpickler(PickleStream(bytes))
      guard case .largeInteger(let range) = try unpickler.run(),
        bytes[range].elementsEqual(magic) || bytes[range].elementsEqual(magicText.utf8)
      else {
        let reason =
          "is a pickle, but not one of torch.save: torch.save(model.state_dict(), …) writes what is read"
        throw FormatError.unsupported(file: file.path, reason: reason)
      }
      guard case .integer(1001) = try unpickler.run() else {
        let reason = "is of a version of torch.save's older form that is not known"
        throw FormatError.unsupported(file: file.path, reason: reason)
      }
      if case .dictionary(let system) = try unpickler.run(),
        case .bool(false) = try PickleDictionary(system, unpickler.heap, file: file.path)["little_endian"]
      {
        throw bigEndian(file)
      }
      let root = try unpickler.run()
      guard case .sequence(let index) = try unpickler.run() else {
        throw PickleError.malformed("the list of storages is missing")
      }
      let keys = try unpickler.heap.sequences[index].map { key in
        guard case .text(let text) = key else { throw PickleError.malformed("a storage's key is no text") }
        return text
      }
      let storages = try LegacyStorages(
        file, keys: keys, from: unpickler.stream.position, records: unpickler.heap.storages)
      return try read(root, unpickler.heap, storages, file, key)
    }
  }

  private static func bigEndian(_ file: MappedFile) -> FormatError {
    .unsupported(file: file.path, reason: "its numbers are big-endian, which is not read")
  }

  // MARK: The state dict

  /// Builds the tensors of the state dict that is in `root`.
  private static func read(
    _ root: PickleValue, _ heap: PickleHeap, _ source: some StorageSource, _ file: MappedFile, _ key: String?
  ) throws -> (NamedTensors, String?) {
    let all = try StateDictSearch.all(root, heap, file: file.path)
    let wanted = key.flatMap { StateDictSearch.choose(all, key: $0, file: file.path) }
    guard let (stateDict, note) = wanted ?? StateDictSearch.choose(all, key: nil, file: file.path) else {
      if case .object(let index) = root {
        throw FormatError.wholeModule(file: file.path, name: heap.objects[index].className)
      }
      throw FormatError.unsupported(
        file: file.path,
        reason:
          "holds no state dict: a dictionary of tensors is needed, at the top or under a key such as 'model'")
    }
    var builder = TensorBuilder(heap: heap, source: source, file: file)
    let tensors = try NamedTensors(
      stateDict.tensors.map { ($0.name, try builder.tensor($0.index, name: $0.name)) }, file: file.path)
    return (tensors, note)
  }
}

/// Makes tensors of a pickle's records.
private struct TensorBuilder<Source: StorageSource> {
  private let heap: PickleHeap
  private var source: Source
  private let file: MappedFile
  private var built: [Int: Tensor] = [:]
  private var copyBytesLeft: Int

  init(heap: PickleHeap, source: Source, file: MappedFile) {
    self.heap = heap
    self.source = source
    self.file = file
    let (four, overflow) = file.byteCount.multipliedReportingOverflow(by: 4)
    copyBytesLeft = max(64 << 20, overflow ? 0 : four)
  }

  mutating func tensor(_ index: Int, name: String) throws -> Tensor {
    if let tensor = built[index] { return tensor }
    do {
      let tensor = try build(heap.tensors[index])
      built[index] = tensor
      return tensor
    } catch let PickleError.malformed(reason) {
      throw FormatError.malformedTensor(file: file.path, tensor: name, reason: reason)
    } catch let PickleError.overLimit(reason) {
      throw FormatError.overLimit(
        file: file.path, reason: "tensor '\(FormatError.shortened(name))': \(reason)")
    }
  }

  private mutating func build(_ record: TensorRecord) throws -> Tensor {
    let description = heap.storages[record.storage]
    var byteCount = try description.byteCount()
    var start = 0
    if let view = description.view {
      byteCount = view.count * description.elementBytes
      start = view.lowerBound * description.elementBytes
    }
    let view = try StorageView(
      sizes: integers(record.sizes), strides: integers(record.strides), offset: record.offset,
      scalarType: record.scalarType, byteCount: byteCount)
    if !view.isContiguous {
      guard let needed = view.byteCount, needed <= copyBytesLeft else {
        throw PickleError.overLimit("copies of views would take more memory than the file's size allows")
      }
      copyBytesLeft -= needed
    }
    let (storage, storageStart) = try source.storage(description)
    return try view.tensor(in: storage, from: storageStart + start)
  }

  private func integers(_ sequence: Int) throws -> [Int] {
    let values = heap.sequences[sequence]
    guard values.count <= 64 else { throw PickleError.malformed("it has \(values.count) dimensions") }
    return try values.map { value in
      guard case .integer(let number) = value else {
        throw PickleError.malformed("its sizes and strides are not whole numbers")
      }
      return number
    }
  }
}
