// PyTorchCheckpoint.swift: reads both forms of torch.save's files.
//
// Since PyTorch 1.6: a zip archive of `<folder>/data.pkl`, `<folder>/byteorder` and `<folder>/data/<key>`.
// Before: five pickles in a row (magic number, version, system, object, storage keys), then the storages.

import SwiftletCore

/// The tensors of a PyTorch checkpoint, `.pth` or `.pt`, as `torch.save` writes it.
///
/// Nothing of the file is executed: its pickle may name tensors and plain containers only, and anything else,
/// such as `posix.system`, is refused by name. Memory is bounded by the size of the file.
///
/// **Which tensors.** Where the saved dictionary has a state dict under one of ``stateDictKeys``, the first of
/// them in that order is read (so plain weights before averaged ones); otherwise the dictionary itself, if it
/// holds tensors. Other values (an epoch, arguments, an optimizer's lists) are skipped. A prefix
/// `module.` that every name has, as `DataParallel` writes it, is taken off, twice where it is there twice; the
/// counter `n_averaged` of averaged weights need not have it.
///
/// **Views.** Tensors that are contiguous share their storage. Others (transposed, expanded) are copied in the
/// order of their shape; the copies may take 64 MiB or four times the file, whichever is more.
package struct PyTorchCheckpoint: Sendable {
  /// The keys under which a training checkpoint may keep its state dict, in order of preference.
  package static let stateDictKeys = [
    "state_dict", "model_state_dict", "model_state", "model", "net", "state_dict_ema", "model_ema", "ema",
  ]

  /// The tensors, in the order of the state dict. `num_batches_tracked` are among them, as `int64` scalars.
  package let tensors: NamedTensors

  /// `data.pkl` may have this many bytes.
  static let largestPickle = 64 << 20

  /// Reads a checkpoint.
  ///
  /// - Throws: ``FormatError`` where the file cannot be read, is damaged, holds something else than tensors and
  ///   plain containers (``FormatError/refusedGlobal(file:name:)``, ``FormatError/wholeModule(file:name:)``),
  ///   is big-endian, or needs more memory than its size allows.
  package init(contentsOf path: String) throws {
    try self.init(MappedFile(contentsOf: path))
  }

  /// Reads a checkpoint that is mapped already.
  package init(_ file: MappedFile) throws {
    do {
      switch file.storage.withUnsafeBytes(Form.init) {
      case .zip: tensors = try Self.readZip(file)
      case .legacy: tensors = try Self.readLegacy(file)
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
      } else if bytes.count > 2, bytes[0] == 0x80, (2...5).contains(bytes[1]) {
        self = .legacy
      } else {
        return nil
      }
    }
  }

  // MARK: The two forms

  private static func readZip(_ file: MappedFile) throws -> NamedTensors {
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
      return try tensors(root, unpickler.heap, ZipStorages(archive: archive, folder: folder), file)
    }
  }

  private static func readLegacy(_ file: MappedFile) throws -> NamedTensors {
    try file.storage.withUnsafeBytes { bytes in
      var unpickler = Unpickler(PickleStream(bytes))
      let magic: [UInt8] = [0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
      guard case .largeInteger(let range) = try unpickler.run(), bytes[range].elementsEqual(magic) else {
        let reason = "is a pickle, but not one of torch.save"
        throw FormatError.unsupported(file: file.path, reason: reason)
      }
      guard case .integer(1001) = try unpickler.run() else {
        let reason = "is of a version of torch.save's older form that is not known"
        throw FormatError.unsupported(file: file.path, reason: reason)
      }
      let system = try unpickler.run()
      if case .bool(false) = try PickleDictionary(system, unpickler.heap, file)?["little_endian"] {
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
      return try tensors(root, unpickler.heap, storages, file)
    }
  }

  private static func bigEndian(_ file: MappedFile) -> FormatError {
    .unsupported(file: file.path, reason: "its numbers are big-endian, which is not read")
  }

  // MARK: The state dict

  /// Builds the tensors of the state dict that is in `root`.
  private static func tensors(
    _ root: PickleValue, _ heap: PickleHeap, _ source: some StorageSource, _ file: MappedFile
  ) throws -> NamedTensors {
    var seen = Set<Int>()
    guard let stateDict = try stateDict(root, heap, file, seen: &seen, depth: 4) else {
      throw FormatError.unsupported(
        file: file.path,
        reason: "holds no state dict: a dictionary of tensors is needed, at the top or under "
          + stateDictKeys.map { "'\($0)'" }.joined(separator: ", "))
    }
    let found = stateDict.pairs.compactMap { pair in
      if case .tensor(let index) = pair.value { (pair.name, index) } else { nil }
    }
    let prefix = prefixLength(found.map(\.0))
    var builder = TensorBuilder(heap: heap, source: source, file: file)
    return try NamedTensors(
      found.map { name, index in
        let short = name == counter ? name : String(decoding: name.utf8.dropFirst(prefix), as: UTF8.self)
        return (short, try builder.tensor(index, name: name))
      }, file: file.path)
  }

  /// The dictionary whose tensors are read: see the type's description. None is searched twice: a file may
  /// have one under every key of every other.
  private static func stateDict(
    _ value: PickleValue, _ heap: PickleHeap, _ file: MappedFile, seen: inout Set<Int>, depth: Int
  ) throws -> PickleDictionary? {
    guard depth > 0, case .dictionary(let index) = value, seen.insert(index).inserted,
      let dictionary = try PickleDictionary(value, heap, file)
    else { return nil }
    for key in stateDictKeys {
      guard let inner = dictionary[key] else { continue }
      if let found = try stateDict(inner, heap, file, seen: &seen, depth: depth - 1) { return found }
    }
    let hasTensors = dictionary.pairs.contains { if case .tensor = $0.value { true } else { false } }
    return hasTensors ? dictionary : nil
  }

  /// The entry that `torch.optim.swa_utils.AveragedModel` adds to a state dict.
  private static let counter = "n_averaged"

  /// The number of bytes of a `module.` that begins all names, once or twice.
  private static func prefixLength(_ names: [String]) -> Int {
    let prefix = "module."
    let names = names.filter { $0 != counter }
    var length = 0
    while !names.isEmpty, length < 2 * prefix.utf8.count,
      names.allSatisfy({ $0.utf8.dropFirst(length).starts(with: prefix.utf8) })
    {
      length += prefix.utf8.count
    }
    return length
  }
}

/// A dictionary of a pickle, by its keys that are text.
private struct PickleDictionary {
  let pairs: [(name: String, value: PickleValue)]
  private let indices: [ExactName: Int]

  /// `nil` where `value` is no dictionary.
  ///
  /// - Throws: ``FormatError/malformed(file:reason:)`` where a key was set twice, which torch.save never does.
  init?(_ value: PickleValue, _ heap: PickleHeap, _ file: MappedFile) throws {
    guard case .dictionary(let index) = value else { return nil }
    var pairs: [(name: String, value: PickleValue)] = []
    var indices: [ExactName: Int] = [:]
    for case (.text(let name), let value) in heap.dictionaries[index] {
      guard indices.updateValue(pairs.count, forKey: ExactName(name)) == nil else {
        let reason = "pickle: the key '\(FormatError.shortened(name))' is set twice"
        throw FormatError.malformed(file: file.path, reason: reason)
      }
      pairs.append((name, value))
    }
    self.pairs = pairs
    self.indices = indices
  }

  subscript(key: String) -> PickleValue? { indices[ExactName(key)].map { pairs[$0].value } }
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
