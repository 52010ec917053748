// Unpickler.swift: runs a pickle (Python's Lib/pickletools.py describes the opcodes) that may hold tensors and
// plain containers, and nothing else.
//
// A pickle is a program for a stack machine, and Python's own reader lets it import and call anything. This one
// accepts the names in TorchGlobal; any other name, and any opcode that would build an object or change one, ends
// the reading. Nothing of the file is executed.

import SwiftletCore

/// A stack machine for the pickles that `torch.save` writes, protocols 2 to 5.
///
/// Each opcode makes one value at most, and their number is limited, so memory is, too: nothing that a pickle
/// shares is ever copied out.
struct Unpickler {
  /// A pickle may have this many opcodes. A checkpoint needs about forty for a tensor.
  static let mostOperations = 2_000_000

  private(set) var stream: PickleStream
  private(set) var heap = PickleHeap()
  private var stack: [PickleValue] = []
  /// For each mark that is open, the height of the stack below it.
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]
  private var operationsLeft = mostOperations

  /// Starts in front of a pickle.
  init(_ stream: PickleStream) { self.stream = stream }

  /// Runs one pickle up to its STOP and returns its value. The heap and the position stay, so that the next
  /// pickle of the stream can follow; stack and memo do not.
  mutating func run() throws -> PickleValue {
    stack = []
    marks = []
    memo = [:]
    while true {
      try spend(1)
      let opcode = try stream.byte()
      if opcode == UInt8(ascii: ".") { return try pop() }
      if try container(opcode) { continue }
      if try scalar(opcode) { continue }
      if try memory(opcode) { continue }
      try object(opcode)
    }
  }

  // MARK: Opcodes

  /// Tuples, lists, dictionaries, sets and the stack itself. False: the opcode is something else.
  private mutating func container(_ opcode: UInt8) throws -> Bool {
    switch opcode {
    case UInt8(ascii: "("): marks.append(stack.count)
    case UInt8(ascii: "0"):
      // As in Python: where there is nothing above the mark, the mark goes.
      if stack.count == marks.last { marks.removeLast() } else { _ = try pop() }
    case UInt8(ascii: "1"): _ = try popToMark()
    case UInt8(ascii: "2"): stack.append(try top())
    case UInt8(ascii: ")"), UInt8(ascii: "]"): stack.append(heap.sequence([]))
    case UInt8(ascii: "}"): stack.append(heap.dictionary())
    case 0x8F: stack.append(.opaque)  // EMPTY_SET
    case 0x91:  // FROZENSET
      _ = try popToMark()
      stack.append(.opaque)
    case 0x90:  // ADDITEMS
      _ = try popToMark()
      guard case .opaque = try top() else { throw wrongOperand(opcode) }
    case UInt8(ascii: "t"), UInt8(ascii: "l"): stack.append(heap.sequence(try popToMark()))
    case 0x85, 0x86, 0x87:  // TUPLE1 to TUPLE3
      var elements: [PickleValue] = []
      for _ in 0..<Int(opcode - 0x84) { elements.append(try pop()) }
      stack.append(heap.sequence(elements.reversed()))
    case UInt8(ascii: "d"):
      let dictionary = heap.dictionary()
      let items = try popToMark()
      stack.append(dictionary)
      try setItems(items, opcode)
    case UInt8(ascii: "a"): try append([pop()], opcode)
    case UInt8(ascii: "e"): try append(popToMark(), opcode)
    case UInt8(ascii: "s"):
      let value = try pop()
      try setItems([pop(), value], opcode)
    case UInt8(ascii: "u"): try setItems(popToMark(), opcode)
    default: return false
    }
    return true
  }

  /// Numbers and text. False: the opcode is something else.
  private mutating func scalar(_ opcode: UInt8) throws -> Bool {
    let value: PickleValue
    switch opcode {
    case UInt8(ascii: "N"): value = .none
    case 0x88: value = .bool(true)
    case 0x89: value = .bool(false)
    case UInt8(ascii: "J"): value = .integer(Int(try stream.number(Int32.self)))
    case UInt8(ascii: "K"): value = .integer(Int(try stream.byte()))
    case UInt8(ascii: "M"): value = .integer(Int(try stream.number(UInt16.self)))
    case 0x8A: value = try wholeNumber(byteCount: Int(stream.byte()))  // LONG1
    case 0x8B: value = try wholeNumber(byteCount: Int(stream.number(Int32.self)))  // LONG4
    case UInt8(ascii: "G"): value = .float(Double(bitPattern: try stream.number(UInt64.self).byteSwapped))
    case UInt8(ascii: "X"): value = .text(try stream.text(Int(stream.number(UInt32.self))))
    case 0x8C: value = .text(try stream.text(Int(stream.byte())))  // SHORT_BINUNICODE
    case 0x8D: value = .text(try stream.text(stream.longLength()))  // BINUNICODE8
    // Python 2's strings, which may be text or bytes.
    case UInt8(ascii: "U"): value = pythonString(try stream.take(Int(stream.byte())))
    case UInt8(ascii: "T"): value = pythonString(try stream.take(Int(stream.number(Int32.self))))
    case UInt8(ascii: "C"):
      _ = try stream.take(Int(stream.byte()))
      value = .opaque
    case UInt8(ascii: "B"):
      _ = try stream.take(Int(stream.number(UInt32.self)))
      value = .opaque
    case 0x8E, 0x96:  // BINBYTES8, BYTEARRAY8
      _ = try stream.take(stream.longLength())
      value = .opaque
    default: return false
    }
    stack.append(value)
    return true
  }

  /// The memo, and the opcodes that frame the program. False: the opcode is something else.
  private mutating func memory(_ opcode: UInt8) throws -> Bool {
    switch opcode {
    case 0x80:  // PROTO
      let version = try stream.byte()
      guard (2...5).contains(version) else {
        throw PickleError.unsupported("protocol \(version) is not read")
      }
    case 0x95: _ = try stream.take(8)  // FRAME: a hint about buffering
    case UInt8(ascii: "q"): memo[Int(try stream.byte())] = try top()
    case UInt8(ascii: "r"): memo[Int(try stream.number(UInt32.self))] = try top()
    case 0x94: memo[memo.count] = try top()  // MEMOIZE
    case UInt8(ascii: "h"): try recall(Int(stream.byte()))
    case UInt8(ascii: "j"): try recall(Int(stream.number(UInt32.self)))
    default: return false
    }
    return true
  }

  /// Names, calls and storages: the opcodes that can do harm in Python.
  private mutating func object(_ opcode: UInt8) throws {
    switch opcode {
    case UInt8(ascii: "c"):
      let module = try stream.line()
      stack.append(.global(try global(module, stream.line())))
    case 0x93:  // STACK_GLOBAL
      guard case .text(let name) = try pop(), case .text(let module) = try pop() else {
        throw wrongOperand(opcode)
      }
      stack.append(.global(try global(module, name)))
    case UInt8(ascii: "i"):  // INST: a name and a call in one
      let module = try stream.line()
      _ = try global(module, stream.line())
      throw refused("INST")
    case UInt8(ascii: "R"):
      let arguments = try pop()
      guard case .global(let function) = try pop(), case .sequence(let index) = arguments else {
        throw wrongOperand(opcode)
      }
      stack.append(try call(function, heap.sequences[index]))
    case UInt8(ascii: "b"):
      // An OrderedDict's attributes, such as a state dict's version numbers: nothing that is needed.
      _ = try pop()
      guard case .dictionary = try top() else { throw refused("BUILD on anything but a dictionary") }
    case UInt8(ascii: "Q"): stack.append(try storage(pop()))
    case UInt8(ascii: "P"): throw refused("PERSID")
    case UInt8(ascii: "o"): throw refused("OBJ")
    case 0x81: throw refused("NEWOBJ")
    case 0x92: throw refused("NEWOBJ_EX")
    case 0x82, 0x83, 0x84: throw refused("EXT")
    case 0x97, 0x98: throw refused("a buffer outside the file")
    default:
      throw PickleError.unsupported(
        "opcode 0x\(String(opcode, radix: 16)) at byte \(stream.position - 1) is none that torch.save writes")
    }
  }

  // MARK: The stack

  private mutating func spend(_ operations: Int) throws {
    operationsLeft -= operations
    guard operationsLeft >= 0 else {
      throw PickleError.overLimit("more than \(Self.mostOperations) operations")
    }
  }

  private func top() throws -> PickleValue {
    guard let value = stack.last, stack.count > (marks.last ?? 0) else {
      throw PickleError.malformed("the stack is empty at byte \(stream.position - 1)")
    }
    return value
  }

  private mutating func pop() throws -> PickleValue {
    let value = try top()
    stack.removeLast()
    return value
  }

  private mutating func popToMark() throws -> [PickleValue] {
    guard let mark = marks.popLast() else {
      throw PickleError.malformed("there is no mark at byte \(stream.position - 1)")
    }
    let values = Array(stack[mark...])
    stack.removeSubrange(mark...)
    return values
  }

  private mutating func append(_ values: [PickleValue], _ opcode: UInt8) throws {
    switch try top() {
    case .sequence(let index): heap.sequences[index].append(contentsOf: values)
    default: throw wrongOperand(opcode)
    }
  }

  private mutating func setItems(_ items: [PickleValue], _ opcode: UInt8) throws {
    guard case .dictionary(let index) = try top(), items.count.isMultiple(of: 2) else {
      throw wrongOperand(opcode)
    }
    for position in stride(from: 0, to: items.count, by: 2) {
      heap.dictionaries[index].append((items[position], items[position + 1]))
    }
  }

  private mutating func recall(_ index: Int) throws {
    guard let value = memo[index] else { throw PickleError.malformed("the memo has no entry \(index)") }
    stack.append(value)
  }

  // MARK: Values

  private mutating func wholeNumber(byteCount: Int) throws -> PickleValue {
    let range = try stream.take(byteCount)
    guard byteCount <= 8 else { return .largeInteger(range) }
    guard byteCount > 0 else { return .integer(0) }
    var value: Int64 = stream.bytes[range.upperBound - 1] & 0x80 == 0 ? 0 : -1
    for index in range.reversed() { value = value << 8 | Int64(stream.bytes[index]) }
    return .integer(Int(value))
  }

  private func pythonString(_ range: Range<Int>) -> PickleValue {
    String(validating: stream.bytes[range], as: UTF8.self).map(PickleValue.text) ?? .opaque
  }

  private func global(_ module: String, _ name: String) throws -> TorchGlobal {
    if let global = TorchGlobal(module: module, name: name) { return global }
    let full = "\(module).\(name)"
    throw TorchGlobal.isModule(full) ? PickleError.wholeModule(full) : PickleError.refusedGlobal(full)
  }

  private func refused(_ what: String) -> PickleError {
    .unsupported(
      "\(what) at byte \(stream.position - 1) is refused: only tensors and plain containers are read")
  }

  private func wrongOperand(_ opcode: UInt8) -> PickleError {
    .malformed("the operand of '\(Unicode.Scalar(opcode))' before byte \(stream.position) is of a wrong kind")
  }

  // MARK: Calls

  private mutating func call(_ function: TorchGlobal, _ arguments: [PickleValue]) throws -> PickleValue {
    switch (function, arguments.count) {
    case (.orderedDictionary, 0): return heap.dictionary()
    case (.orderedDictionary, 1): return try orderedDictionary(arguments[0])
    case (.size, 1):
      if case .sequence = arguments[0] { return arguments[0] }
    case (.rebuildTensor, 4), (.rebuildTensorV2, 6), (.rebuildTensorV2, 7):
      // The seventh may hold a pending operation, such as negation.
      if arguments.count == 7, !isEmpty(arguments[6]) { throw refused("a tensor with a pending operation") }
      if case .storage(let storage) = arguments[0], let type = heap.storages[storage].scalarType {
        return try tensor(storage, type, arguments)
      }
    case (.rebuildTensorV3, 7), (.rebuildTensorV3, 8):
      if arguments.count == 8, !isEmpty(arguments[7]) { throw refused("a tensor with a pending operation") }
      if case .storage(let storage) = arguments[0], case .global(.scalarType(let type)) = arguments[6] {
        return try tensor(storage, type, arguments)
      }
    case (.rebuildParameter, 3):
      if case .tensor = arguments[0] { return arguments[0] }
    default: break
    }
    throw PickleError.malformed("a call before byte \(stream.position) has wrong arguments")
  }

  private func isEmpty(_ value: PickleValue) -> Bool {
    switch value {
    case .none: true
    case .dictionary(let index): heap.dictionaries[index].isEmpty
    default: false
    }
  }

  /// `OrderedDict([(key, value), …])`, as Python 2 writes it.
  private mutating func orderedDictionary(_ pairs: PickleValue) throws -> PickleValue {
    guard case .sequence(let index) = pairs else { throw wrongOperand(UInt8(ascii: "R")) }
    // One list may be the argument of many calls.
    try spend(heap.sequences[index].count)
    return heap.dictionary(
      try heap.sequences[index].map { pair in
        guard case .sequence(let index) = pair, heap.sequences[index].count == 2 else {
          throw wrongOperand(UInt8(ascii: "R"))
        }
        return (heap.sequences[index][0], heap.sequences[index][1])
      })
  }

  /// (storage, offset, sizes, strides, …)
  private mutating func tensor(
    _ storage: Int, _ type: ScalarType, _ arguments: [PickleValue]
  ) throws -> PickleValue {
    guard case .integer(let offset) = arguments[1], case .sequence(let sizes) = arguments[2],
      case .sequence(let strides) = arguments[3]
    else { throw wrongOperand(UInt8(ascii: "R")) }
    heap.tensors.append(
      TensorRecord(storage: storage, scalarType: type, offset: offset, sizes: sizes, strides: strides))
    return .tensor(heap.tensors.count - 1)
  }

  /// ('storage', type, key, location, count), and in the old form (key, offset, count) or None for a view.
  private mutating func storage(_ identifier: PickleValue) throws -> PickleValue {
    guard case .sequence(let index) = identifier else { throw wrongOperand(UInt8(ascii: "Q")) }
    let parts = heap.sequences[index]
    guard parts.count == 5 || parts.count == 6, case .text("storage") = parts[0],
      case .global(.storageType(let type)) = parts[1],
      case .text(let key) = parts[2], case .integer(let count) = parts[4], count >= 0
    else { throw wrongOperand(UInt8(ascii: "Q")) }
    var view: Range<Int>?
    if parts.count == 6, case .sequence(let index) = parts[5] {
      let part = heap.sequences[index]
      guard part.count == 3, case .integer(let offset) = part[1], case .integer(let size) = part[2],
        offset >= 0, size >= 0, offset <= count, size <= count - offset
      else { throw wrongOperand(UInt8(ascii: "Q")) }
      view = offset..<(offset + size)
    }
    heap.storages.append(StorageRecord(key: key, scalarType: type, count: count, view: view))
    return .storage(heap.storages.count - 1)
  }
}
