// PickleValue.swift: the values in a pickle of tensors.

import SwiftletCore

/// A value out of a pickle.
///
/// Containers, storages and tensors are numbers into the ``PickleHeap`` that made them. So a pickle may share
/// them, nest them a million deep or tie them into a ring, and nothing here recurses, copies or leaks.
enum PickleValue: Sendable {
  case none
  case bool(Bool)
  case integer(Int)
  /// A whole number of more than 64 bits: its bytes, little-endian, in the stream.
  case largeInteger(Range<Int>)
  case float(Double)
  case text(String)
  /// A tuple or a list: an index into ``PickleHeap/sequences``.
  case sequence(Int)
  /// An index into ``PickleHeap/dictionaries``.
  case dictionary(Int)
  /// A class or function that is allowed; calling it builds a container or a tensor.
  case global(TorchGlobal)
  /// An index into ``PickleHeap/storages``.
  case storage(Int)
  /// An index into ``PickleHeap/tensors``.
  case tensor(Int)
  /// A set or bytes: allowed in a checkpoint, and of no use here.
  case opaque
}

/// The containers of a pickle.
struct PickleHeap: Sendable {
  /// The elements of tuples and lists.
  var sequences: [[PickleValue]] = []
  /// The pairs of dictionaries, as they were set.
  var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
  /// The storages that tensors refer to.
  var storages: [StorageRecord] = []
  /// The tensors, not yet looked up in their storages.
  var tensors: [TensorRecord] = []

  mutating func sequence(_ elements: [PickleValue]) -> PickleValue {
    sequences.append(elements)
    return .sequence(sequences.count - 1)
  }

  mutating func dictionary(_ pairs: [(key: PickleValue, value: PickleValue)] = []) -> PickleValue {
    dictionaries.append(pairs)
    return .dictionary(dictionaries.count - 1)
  }
}

/// A pickle's record of a storage: ('storage', type, key, location, count[, view]).
struct StorageRecord: Sendable {
  /// The storage's name in the file.
  let key: String
  /// The type of an element; `nil` for an untyped storage, counted in bytes.
  let scalarType: ScalarType?
  /// The number of elements in the storage.
  let count: Int
  /// The viewed part of the storage, in elements; `nil` for all of it.
  let view: Range<Int>?

  /// Bytes an element takes.
  var elementBytes: Int { scalarType?.byteCount ?? 1 }
}

/// A pickle's record of a tensor: the arguments of `_rebuild_tensor_v2` or a relative of it.
struct TensorRecord: Sendable {
  /// An index into ``PickleHeap/storages``.
  let storage: Int
  /// The type of an element.
  let scalarType: ScalarType
  /// The first element, counted in elements from the start of the storage.
  let offset: Int
  /// Indices into ``PickleHeap/sequences`` of the sizes and strides. (Not copies: a file may use one tuple
  /// for a great many tensors.)
  let sizes: Int, strides: Int
}

/// The names that a checkpoint may import. Every other name ends the reading.
enum TorchGlobal: Sendable {
  case orderedDictionary
  case size
  case rebuildTensor, rebuildTensorV2, rebuildTensorV3, rebuildParameter
  /// A storage class; the type is `nil` for `UntypedStorage`.
  case storageType(ScalarType?)
  case scalarType(ScalarType)

  /// The meaning of `module.name`, or `nil` where it is not allowed.
  init?(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("torch", "Size"): self = .size
    case ("torch._utils", "_rebuild_tensor"): self = .rebuildTensor
    case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensorV2
    case ("torch._utils", "_rebuild_tensor_v3"): self = .rebuildTensorV3
    case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
    case ("torch.storage", "UntypedStorage"), ("torch", "UntypedStorage"): self = .storageType(nil)
    case ("torch", _):
      if let type = Self.storageTypes[name] {
        self = .storageType(type)
      } else if let type = Self.scalarTypes[name] {
        self = .scalarType(type)
      } else {
        return nil
      }
    default: return nil
    }
  }

  private static let storageTypes: [String: ScalarType] = [
    "DoubleStorage": .float64, "FloatStorage": .float32, "HalfStorage": .float16,
    "BFloat16Storage": .bfloat16, "LongStorage": .int64, "IntStorage": .int32, "ShortStorage": .int16,
    "CharStorage": .int8, "ByteStorage": .uint8, "BoolStorage": .bool,
  ]

  /// The names of PyTorch's dtypes, which are ours but for three older ones.
  private static let scalarTypes: [String: ScalarType] = Dictionary(
    uniqueKeysWithValues: ScalarType.allCases.map { ($0.rawValue, $0) } + [
      ("double", .float64), ("float", .float32), ("half", .float16),
    ])

  /// Whether a refused name is the class of a network: a saved module, or one compiled by TorchScript.
  static func isModule(_ name: String) -> Bool {
    ["torch.nn.", "torchvision.models.", "timm.", "__main__.", "__torch__."].contains { name.hasPrefix($0) }
  }
}
