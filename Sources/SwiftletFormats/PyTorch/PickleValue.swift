// PickleValue.swift: the values in a pickle: tensors, containers, and objects that are kept as they are described.

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
  /// A class or function. Calling one that is known builds a container or a tensor, calling another an object.
  case global(TorchGlobal)
  /// An index into ``PickleHeap/storages``.
  case storage(Int)
  /// An index into ``PickleHeap/tensors``.
  case tensor(Int)
  /// An object of a class that is not known here: an index into ``PickleHeap/objects``.
  case object(Int)
  /// A set, bytes or a number of more than 64 bits: of no use here.
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
  /// The objects.
  var objects: [PickledObject] = []

  mutating func sequence(_ elements: [PickleValue]) -> PickleValue {
    sequences.append(elements)
    return .sequence(sequences.count - 1)
  }

  mutating func object(_ name: String, items: Int? = nil) -> PickleValue {
    objects.append(PickledObject(className: name, items: items))
    return .object(objects.count - 1)
  }

  mutating func dictionary(_ pairs: [(key: PickleValue, value: PickleValue)] = []) -> PickleValue {
    dictionaries.append(pairs)
    return .dictionary(dictionaries.count - 1)
  }
}

/// An object of a class that is not known here. Nothing is imported or called: it is what the pickle says of it.
struct PickledObject: Sendable {
  /// The class's name, or that of the function that would make the object.
  let className: String
  /// The items of a subclass of `dict`: an index into ``PickleHeap/dictionaries``.
  var items: Int?
  /// The attributes, which BUILD sets: an index into ``PickleHeap/dictionaries``.
  var attributes: Int?
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

/// A name in a pickle. Those of tensors and plain containers have a meaning; every other is no more than its text.
enum TorchGlobal: Sendable {
  case orderedDictionary
  case size
  case rebuildTensor, rebuildTensorV2, rebuildTensorV3
  /// The tensor is the first argument: a parameter, or a tensor of another device.
  case rebuildParameter
  /// (function, class, arguments, state): a subclass of a tensor, or one with attributes.
  case rebuildFromType
  /// A storage class; the type is `nil` for `UntypedStorage`.
  case storageType(ScalarType?)
  case scalarType(ScalarType)
  /// A function that makes a tensor of a kind that is not read: calling it ends the reading.
  case refusedTensor(String)
  /// Any other name.
  case other(String)

  /// The meaning of `module.name`.
  init(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("torch", "Size"): self = .size
    case ("torch._utils", "_rebuild_tensor"): self = .rebuildTensor
    case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensorV2
    case ("torch._utils", "_rebuild_tensor_v3"): self = .rebuildTensorV3
    case ("torch._utils", "_rebuild_parameter"), ("torch._utils", "_rebuild_parameter_with_state"),
      ("torch._utils", "_rebuild_device_tensor_from_cpu_tensor"):
      self = .rebuildParameter
    case ("torch._tensor", "_rebuild_from_type"), ("torch._tensor", "_rebuild_from_type_v2"),
      ("torch.tensor", "_rebuild_from_type"):
      self = .rebuildFromType
    case ("torch.storage", "UntypedStorage"), ("torch", "UntypedStorage"): self = .storageType(nil)
    case ("torch", _) where Self.storageTypes[name] != nil: self = .storageType(Self.storageTypes[name])
    case ("torch", _):
      if let type = Self.scalarTypes[name] {
        self = .scalarType(type)
      } else {
        self = Self.unknown(module, name)
      }
    default: self = Self.unknown(module, name)
    }
  }

  private static func unknown(_ module: String, _ name: String) -> TorchGlobal {
    let full = "\(module).\(name)"
    let isTorch = module == "torch" || ["torch.", "torch_"].contains { module.hasPrefix($0) }
    let makesTensor = name.hasPrefix("_rebuild") || name == "_load_from_bytes"
    return isTorch && makesTensor ? .refusedTensor(full) : .other(full)
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

  /// The name in an error.
  var text: String {
    switch self {
    case .other(let name), .refusedTensor(let name): name
    case .orderedDictionary: "collections.OrderedDict"
    case .size: "torch.Size"
    case .storageType(let type): "a storage of \(type?.rawValue ?? "bytes")"
    case .scalarType(let type): "torch.\(type.rawValue)"
    default: "a tensor"
    }
  }
}
