// Unpickler.swift: runs a pickle (Python's Lib/pickletools.py describes the opcodes) of tensors, plain containers and
// objects of any class.
//
// A pickle is a program for a stack machine, and Python's own reader lets it import and call anything. This one has a
// meaning for the names in TorchGlobal that make tensors and containers. Every other object is a record of the class's
// name, its items and its attributes: nothing of the file is imported or executed.

import SwiftletCore

/// A stack machine for the pickles that `torch.save` writes, protocols 0 to 5.
///
/// Each opcode makes one value at most, and their number is limited, so memory is, too: nothing that a pickle
/// shares is ever copied out.
struct Unpickler {
  /// A pickle may have this many opcodes. A checkpoint needs about forty for a tensor.
  static let mostOperations = 2_000_000

  private(set) var stream: PickleStream
  private(set) var heap = PickleHeap()
  private var stack = PickleStack<PickleValue>()
  private var memo: [Int: PickleValue] = [:]
  private var operationsLeft = mostOperations

  /// Starts in front of a pickle.
  init(_ stream: PickleStream) { self.stream = stream }

  /// Runs one pickle up to its STOP and returns its value. The heap and the position stay, so that the next
  /// pickle of the stream can follow; stack and memo do not.
  mutating func run() throws -> PickleValue {
    stack = PickleStack()
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
    case UInt8(ascii: "("): stack.mark()
    case UInt8(ascii: "0"):
      // As in Python: where there is nothing above the mark, the mark goes.
      if stack.isAtMark { stack.dropMark() } else { _ = try pop() }
    case UInt8(ascii: "1"): _ = try popToMark()
    case UInt8(ascii: "2"): stack.append(try top())
    case UInt8(ascii: ")"), UInt8(ascii: "]"): stack.append(heap.sequence([]))
    case UInt8(ascii: "}"): stack.append(heap.dictionary())
    case 0x8F: stack.append(heap.object("builtins.set"))  // EMPTY_SET
    case 0x91:  // FROZENSET
      _ = try popToMark()
      stack.append(.opaque)
    case 0x90:  // ADDITEMS
      _ = try popToMark()
      guard case .object = try top() else { throw wrongOperand(opcode) }
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
    case UInt8(ascii: "I"): value = try line()
    case UInt8(ascii: "L"): value = try longLine()
    case UInt8(ascii: "F"):
      let range = try stream.lineRange()
      value =
        String(validating: stream.bytes[range], as: UTF8.self).flatMap(Double.init).map(PickleValue.float)
        ?? .opaque
    case UInt8(ascii: "S"): value = quoted(try stream.lineRange())
    case UInt8(ascii: "V"): value = pythonString(try stream.lineRange())
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
      guard version <= 5 else {
        throw PickleError.unsupported("protocol \(version) is not read")
      }
    case 0x95: _ = try stream.take(8)  // FRAME: a hint about buffering
    case UInt8(ascii: "q"): memo[Int(try stream.byte())] = try top()
    case UInt8(ascii: "p"): memo[try memoIndex()] = try top()
    case UInt8(ascii: "g"): try recall(memoIndex())
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
      stack.append(.global(TorchGlobal(module: module, name: try stream.line())))
    case 0x93:  // STACK_GLOBAL
      guard case .text(let name) = try pop(), case .text(let module) = try pop() else {
        throw wrongOperand(opcode)
      }
      stack.append(.global(TorchGlobal(module: module, name: name)))
    case 0x82, 0x83, 0x84:  // EXT1, EXT2, EXT4: a class by a number that only its program knows
      _ = try stream.take(1 << Int(opcode - 0x82))
      stack.append(.global(.other("an extension")))
    case UInt8(ascii: "i"):  // INST: a name and a call in one
      let module = try stream.line()
      let name = try stream.line()
      try build(.global(TorchGlobal(module: module, name: name)), popToMark(), opcode)
    case UInt8(ascii: "o"):  // OBJ
      let parts = try popToMark()
      guard let function = parts.first else { throw wrongOperand(opcode) }
      try build(function, Array(parts.dropFirst()), opcode)
    case UInt8(ascii: "R"), 0x81:  // REDUCE, NEWOBJ
      guard case .sequence(let index) = try pop() else { throw wrongOperand(opcode) }
      try build(pop(), heap.sequences[index], opcode)
    case 0x92:  // NEWOBJ_EX
      let named = try pop()
      guard case .dictionary = named, case .sequence(let index) = try pop() else {
        throw wrongOperand(opcode)
      }
      try build(pop(), heap.sequences[index], opcode)
    case UInt8(ascii: "b"): try setState(pop(), opcode)
    case UInt8(ascii: "Q"): stack.append(try persistent(pop()))
    case UInt8(ascii: "P"):
      _ = try stream.lineRange()
      stack.append(heap.object("a persistent object"))
    case 0x97, 0x98: throw refused("a buffer outside the file")
    default:
      throw PickleError.unsupported(
        "opcode 0x\(String(opcode, radix: 16)) at byte \(stream.position - 1) is none that torch.save writes")
    }
  }

  /// BUILD: attributes of the object on top of the stack.
  private mutating func setState(_ state: PickleValue, _ opcode: UInt8) throws {
    switch try top() {
    case .object(let index):
      // Objects with slots have a pair of dictionaries.
      var state = state
      if case .sequence(let pair) = state, let first = heap.sequences[pair].first { state = first }
      if case .dictionary(let attributes) = state { heap.objects[index].attributes = attributes }
    // A dictionary's attributes, such as a state dict's version numbers: nothing that is needed.
    case .dictionary, .opaque: break
    default: throw refused("BUILD on a tensor or a plain value")
    }
  }

  // MARK: The stack

  private mutating func spend(_ operations: Int) throws {
    operationsLeft -= operations
    guard operationsLeft >= 0 else {
      throw PickleError.overLimit("more than \(Self.mostOperations) operations")
    }
  }

  private func top() throws -> PickleValue { try stack.top(at: stream.position - 1) }

  private mutating func pop() throws -> PickleValue { try stack.pop(at: stream.position - 1) }

  private mutating func popToMark() throws -> [PickleValue] { try stack.popToMark(at: stream.position - 1) }

  private mutating func append(_ values: [PickleValue], _ opcode: UInt8) throws {
    switch try top() {
    case .sequence(let index): heap.sequences[index].append(contentsOf: values)
    case .object: break
    default: throw wrongOperand(opcode)
    }
  }

  private mutating func setItems(_ items: [PickleValue], _ opcode: UInt8) throws {
    guard let index = try itemsIndex(of: top()), items.count.isMultiple(of: 2) else {
      throw wrongOperand(opcode)
    }
    for position in stride(from: 0, to: items.count, by: 2) {
      heap.dictionaries[index].append((items[position], items[position + 1]))
    }
  }

  /// The dictionary that holds a value's items; an object of a subclass of `dict` gets one.
  private mutating func itemsIndex(of value: PickleValue) throws -> Int? {
    switch value {
    case .dictionary(let index): return index
    case .object(let object):
      if let items = heap.objects[object].items { return items }
      heap.dictionaries.append([])
      heap.objects[object].items = heap.dictionaries.count - 1
      return heap.objects[object].items
    default: return nil
    }
  }

  private mutating func memoIndex() throws -> Int {
    guard let index = try stream.decimal() else { throw PickleError.malformed("the memo has no such entry") }
    return index
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

  /// INT: a number in text; 00 and 01 are booleans.
  private mutating func line() throws -> PickleValue {
    let start = stream.position
    let number = try stream.decimal()
    let isBool = stream.position - start == 3 && stream.bytes[start] == UInt8(ascii: "0")
    guard let number else { return .opaque }
    return isBool ? .bool(number != 0) : .integer(number)
  }

  /// LONG: a number in text that ends with L. The older form's magic number is more than 64 bits.
  private mutating func longLine() throws -> PickleValue {
    let start = stream.position
    if let number = try stream.decimal() { return .integer(number) }
    return .largeInteger(start..<(stream.position - 1))
  }

  /// STRING: Python's literal, between quotes. One with escapes is no name of a tensor.
  private func quoted(_ range: Range<Int>) -> PickleValue {
    let bytes = stream.bytes[range]
    guard bytes.count >= 2, let quote = bytes.first, quote == bytes.last,
      [UInt8(ascii: "'"), UInt8(ascii: "\"")].contains(quote), !bytes.contains(UInt8(ascii: "\\"))
    else { return .opaque }
    return pythonString((range.lowerBound + 1)..<(range.upperBound - 1))
  }

  private func refused(_ what: String) -> PickleError {
    .unsupported(
      "\(what) at byte \(stream.position - 1) is refused")
  }

  private func wrongOperand(_ opcode: UInt8) -> PickleError {
    .malformed("the operand of '\(Unicode.Scalar(opcode))' before byte \(stream.position) is of a wrong kind")
  }

  // MARK: Calls

  /// Puts the result of a call on the stack: a container or a tensor; or a record of an object.
  private mutating func build(_ function: PickleValue, _ arguments: [PickleValue], _ opcode: UInt8) throws {
    switch function {
    case .global(.other(let name)): stack.append(object(name, arguments))
    case .global(let global): stack.append(try call(global, arguments, depth: 4))
    // The result of another call, such as `getattr`, or an instance.
    case .object(let index): stack.append(heap.object(heap.objects[index].className))
    case .opaque: stack.append(heap.object("an object"))
    default: throw wrongOperand(opcode)
    }
  }

  /// The record of an object. `copyreg`'s functions name the class in their first argument.
  private mutating func object(_ function: String, _ arguments: [PickleValue]) -> PickleValue {
    var name = function
    if ["copyreg.", "copy_reg."].contains(where: function.hasPrefix),
      case .global(let named)? = arguments.first
    {
      name = named.text
    }
    // Counter({…}), and the base's value of `copyreg._reconstructor(class, dict, {…})`.
    guard case .dictionary(let items)? = arguments.last else { return heap.object(name) }
    return heap.object(name, items: items)
  }

  private mutating func call(
    _ function: TorchGlobal, _ arguments: [PickleValue], depth: Int
  ) throws -> PickleValue {
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
      if case .global(.other(let type)) = arguments[6] { throw PickleError.refusedGlobal(type) }
      if case .storage(let storage) = arguments[0], case .global(.scalarType(let type)) = arguments[6] {
        return try tensor(storage, type, arguments)
      }
    case (.rebuildParameter, 3...4):
      if case .tensor = arguments[0] { return arguments[0] }
    case (.rebuildFromType, 4) where depth > 0:
      if case .global(let inner) = arguments[0], case .sequence(let index) = arguments[2] {
        if case .other(let name) = inner { throw PickleError.refusedGlobal(name) }
        return try call(inner, heap.sequences[index], depth: depth - 1)
      }
    case (.refusedTensor(let name), _): throw PickleError.refusedGlobal(name)
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

  /// A storage; in the old form also ('module', class, file, source), which stands for the class.
  private mutating func persistent(_ identifier: PickleValue) throws -> PickleValue {
    guard case .sequence(let index) = identifier else { return heap.object("a persistent object") }
    let parts = heap.sequences[index]
    if parts.count >= 2, case .text("module") = parts[0] { return parts[1] }
    return try storage(parts)
  }

  /// ('storage', type, key, location, count), and in the old form (key, offset, count) or None for a view.
  private mutating func storage(_ parts: [PickleValue]) throws -> PickleValue {
    if parts.count >= 2, case .global(.other(let type)) = parts[1] { throw PickleError.refusedGlobal(type) }
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
