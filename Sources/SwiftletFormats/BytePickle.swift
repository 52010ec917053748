// BytePickle.swift: pickles of plain values and NumPy arrays of bytes, such as CIFAR's Python files.
//
// The Unpickler reads checkpoints and has no use for bytes. This one keeps them, and knows three names only: those with
// which NumPy and Python 3 write byte arrays and byte strings. Nothing of the file is executed.

import SwiftletCore

/// A value of a pickle of plain values.
package enum BytePickle: Sendable {
  case none
  case integer(Int)
  /// Text and byte strings alike: Python 2 does not distinguish them.
  case bytes([UInt8])
  /// A tuple or a list.
  case sequence([BytePickle])
  case dictionary([(key: BytePickle, value: BytePickle)])
  /// An array of bytes with its shape, in C order.
  case array(shape: [Int], bytes: [UInt8])
  /// A value of no use here, such as a float.
  case other

  /// Reads a pickle of the protocols 0 to 5.
  ///
  /// - Parameters:
  ///   - file: the bytes.
  ///   - path: the file's name in errors.
  /// - Throws: ``FormatError``.
  package init(_ file: UnsafeRawBufferPointer, path: String) throws {
    do {
      var machine = BytePickleMachine(PickleStream(file))
      self = try machine.run()
    } catch let error as PickleError { throw error.inFile(path) }
  }

  /// The value of a key of a dictionary.
  package subscript(key: String) -> BytePickle? {
    guard case .dictionary(let pairs) = self else { return nil }
    return pairs.last { $0.key.text == key }?.value
  }

  /// Text, where it is UTF-8.
  package var text: String? {
    guard case .bytes(let bytes) = self else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }

  /// Whole numbers, where all of a sequence or of a one-dimensional array of bytes are.
  package var integers: [Int]? {
    switch self {
    case .sequence(let values):
      var numbers: [Int] = []
      for value in values {
        guard case .integer(let number) = value else { return nil }
        numbers.append(number)
      }
      return numbers
    case .array(let shape, let bytes): return shape.count == 1 ? bytes.map(Int.init) : nil
    default: return nil
    }
  }

  /// Texts, where all of a sequence are.
  package var texts: [String]? {
    guard case .sequence(let values) = self else { return nil }
    let texts = values.compactMap(\.text)
    return texts.count == values.count ? texts : nil
  }
}

/// A stack machine. Values are few and not shared much: each list and dictionary is copied where it is used twice, within a
/// limit of operations and of bytes.
private struct BytePickleMachine {
  private static let mostOperations = 4_000_000
  private static let mostBytes = 1 << 30

  /// A value on the stack: containers are numbers into `heap`, so that the memo can share and fill them.
  private enum Item {
    case none, other
    case integer(Int)
    case bytes([UInt8])
    case container(Int)
    case name(String)
  }

  private enum Container {
    case sequence([Item])
    case dictionary([(Item, Item)])
    /// `numpy.ndarray` and `numpy.dtype`, before and after their state is set.
    case array(shape: [Int], bytes: [UInt8]?)
    case type(String)
  }

  private var stream: PickleStream
  private var stack = PickleStack<Item>()
  private var memo: [Int: Item] = [:]
  private var heap: [Container] = []
  private var operationsLeft = mostOperations
  private var bytesLeft = mostBytes

  init(_ stream: PickleStream) { self.stream = stream }

  mutating func run() throws -> BytePickle {
    while true {
      operationsLeft -= 1
      guard operationsLeft >= 0 else {
        throw PickleError.overLimit("more than \(Self.mostOperations) operations")
      }
      let opcode = try stream.byte()
      if opcode == UInt8(ascii: ".") { return try value(try pop(), depth: 0) }
      if try scalar(opcode) { continue }
      if try container(opcode) { continue }
      try object(opcode)
    }
  }

  /// The result, without references.
  private mutating func value(_ item: Item, depth: Int) throws -> BytePickle {
    operationsLeft -= 1
    guard depth < 32, operationsLeft >= 0 else { throw PickleError.overLimit("values in values in values") }
    switch item {
    case .none: return .none
    case .other, .name: return .other
    case .integer(let number): return .integer(number)
    case .bytes(let bytes): return .bytes(bytes)
    case .container(let index):
      switch heap[index] {
      case .sequence(let items): return .sequence(try items.map { try value($0, depth: depth + 1) })
      case .dictionary(let pairs):
        return .dictionary(
          try pairs.map { (try value($0.0, depth: depth + 1), try value($0.1, depth: depth + 1)) })
      case .array(let shape, let bytes): return bytes.map { .array(shape: shape, bytes: $0) } ?? .other
      case .type: return .other
      }
    }
  }

  // MARK: Opcodes

  private mutating func taken(_ count: Int) throws -> [UInt8] {
    let range = try stream.take(count)
    bytesLeft -= count
    guard bytesLeft >= 0 else { throw PickleError.overLimit("more than \(Self.mostBytes) bytes") }
    return Array(stream.bytes[range])
  }

  private mutating func scalar(_ opcode: UInt8) throws -> Bool {
    switch opcode {
    case UInt8(ascii: "N"): stack.append(.none)
    case 0x88: stack.append(.integer(1))
    case 0x89: stack.append(.integer(0))
    case UInt8(ascii: "J"): stack.append(.integer(Int(try stream.number(Int32.self))))
    case UInt8(ascii: "K"): stack.append(.integer(Int(try stream.byte())))
    case UInt8(ascii: "M"): stack.append(.integer(Int(try stream.number(UInt16.self))))
    case 0x8A:  // LONG1
      let bytes = try taken(Int(stream.byte()))
      guard bytes.count <= 8 else {
        stack.append(.other)
        break
      }
      var number: Int64 = (bytes.last ?? 0) & 0x80 == 0 ? 0 : -1
      for byte in bytes.reversed() { number = number << 8 | Int64(byte) }
      stack.append(.integer(Int(number)))
    case UInt8(ascii: "G"):
      _ = try stream.take(8)
      stack.append(.other)
    case UInt8(ascii: "X"), UInt8(ascii: "B"):
      stack.append(.bytes(try taken(Int(stream.number(UInt32.self)))))
    case UInt8(ascii: "T"):
      let count = Int(try stream.number(Int32.self))
      stack.append(.bytes(try taken(count)))
    case 0x8C, UInt8(ascii: "U"), UInt8(ascii: "C"): stack.append(.bytes(try taken(Int(stream.byte()))))
    case 0x8D, 0x8E, 0x96: stack.append(.bytes(try taken(stream.longLength())))
    case UInt8(ascii: "I"), UInt8(ascii: "L"):  // Protocol 0: a number in digits.
      let line = try stream.line()
      guard let number = Int(line.hasSuffix("L") ? String(line.dropLast()) : line) else {
        throw PickleError.malformed("'\(FormatError.shortened(line))' is no number")
      }
      stack.append(.integer(number))
    case 0x80:
      guard (0...5).contains(try stream.byte()) else {
        throw PickleError.unsupported("its protocol is not read")
      }
    case 0x95: _ = try stream.take(8)
    default: return false
    }
    return true
  }

  private mutating func container(_ opcode: UInt8) throws -> Bool {
    switch opcode {
    case UInt8(ascii: "("): stack.mark()
    case UInt8(ascii: "0"): _ = try pop()
    case UInt8(ascii: "1"): _ = try popToMark()
    case UInt8(ascii: "2"): stack.append(try top())
    case UInt8(ascii: ")"), UInt8(ascii: "]"): push(.sequence([]))
    case UInt8(ascii: "}"): push(.dictionary([]))
    case UInt8(ascii: "t"), UInt8(ascii: "l"): push(.sequence(try popToMark()))
    case 0x85, 0x86, 0x87:
      var items: [Item] = []
      for _ in 0..<Int(opcode - 0x84) { items.append(try pop()) }
      push(.sequence(items.reversed()))
    case UInt8(ascii: "d"):
      let items = try popToMark()
      push(.dictionary([]))
      try set(items)
    case UInt8(ascii: "a"): try append([pop()])
    case UInt8(ascii: "e"): try append(popToMark())
    case UInt8(ascii: "s"):
      let value = try pop()
      try set([pop(), value])
    case UInt8(ascii: "u"): try set(popToMark())
    case UInt8(ascii: "q"): memo[Int(try stream.byte())] = try top()
    case UInt8(ascii: "r"): memo[Int(try stream.number(UInt32.self))] = try top()
    case 0x94: memo[memo.count] = try top()
    case UInt8(ascii: "h"): try recall(Int(stream.byte()))
    case UInt8(ascii: "j"): try recall(Int(stream.number(UInt32.self)))
    case UInt8(ascii: "p"): memo[try decimal()] = try top()
    case UInt8(ascii: "g"): try recall(decimal())
    default: return false
    }
    return true
  }

  private mutating func object(_ opcode: UInt8) throws {
    switch opcode {
    case UInt8(ascii: "c"):
      let module = try stream.line()
      stack.append(.name(try known(module, stream.line())))
    case 0x93:
      guard case .bytes(let name) = try pop(), case .bytes(let module) = try pop() else {
        throw wrong(opcode)
      }
      stack.append(
        .name(try known(String(decoding: module, as: UTF8.self), String(decoding: name, as: UTF8.self))))
    case UInt8(ascii: "R"):
      let arguments = try sequence(pop(), opcode)
      guard case .name(let name) = try pop() else { throw wrong(opcode) }
      try call(name, arguments)
    case UInt8(ascii: "b"):
      let state = try sequence(pop(), opcode)
      try build(state, opcode)
    default:
      throw PickleError.unsupported(
        "opcode 0x\(String(opcode, radix: 16)) at byte \(stream.position - 1): only plain values and arrays of bytes are read"
      )
    }
  }

  // MARK: Objects

  private func known(_ module: String, _ name: String) throws -> String {
    switch (module, name) {
    case ("_codecs", "encode"), ("numpy", "ndarray"), ("numpy", "dtype"): return name
    case ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"): return name
    case ("numpy.core.numeric", "_frombuffer"), ("numpy._core.numeric", "_frombuffer"): return name
    case ("__builtin__", "bytes"), ("builtins", "bytes"): return name
    default: throw PickleError.refusedGlobal("\(module).\(name)")
    }
  }

  private mutating func call(_ name: String, _ arguments: [Item]) throws {
    switch (name, arguments.count) {
    case ("encode", 2):
      // Python 3's bytes in a pickle for Python 2: text whose letters are the bytes.
      guard case .bytes(let text) = arguments[0], case .bytes(let encoding) = arguments[1],
        ["latin1", "latin-1", "iso-8859-1"].contains(String(decoding: encoding, as: UTF8.self))
      else { throw wrong(UInt8(ascii: "R")) }
      stack.append(.bytes(try Self.latin1(text)))
    case ("bytes", 0): stack.append(.bytes([]))
    case ("_frombuffer", 4):
      // Protocol 5: (bytes, dtype, shape, order).
      guard case .bytes(let order) = arguments[3] else { throw wrong(UInt8(ascii: "R")) }
      push(.array(shape: [], bytes: nil))
      let isFortran = order == Array("F".utf8) ? 1 : 0
      try build(
        [.integer(1), arguments[2], arguments[1], .integer(isFortran), arguments[0]], UInt8(ascii: "R"))
    case ("_reconstruct", 3): push(.array(shape: [], bytes: nil))
    case ("dtype", 1...3):
      guard case .bytes(let type) = arguments[0] else { throw wrong(UInt8(ascii: "R")) }
      push(.type(String(decoding: type, as: UTF8.self)))
    default: throw PickleError.malformed("a call before byte \(stream.position) has wrong arguments")
    }
  }

  /// Letters below U+0100, one byte each, of UTF-8.
  private static func latin1(_ text: [UInt8]) throws -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var position = 0
    while position < text.count {
      let byte = text[position]
      if byte < 0x80 {
        bytes.append(byte)
        position += 1
      } else {
        guard byte == 0xC2 || byte == 0xC3, position + 1 < text.count, text[position + 1] & 0xC0 == 0x80
        else {
          throw PickleError.malformed("a byte string is no Latin-1 text")
        }
        bytes.append((byte & 3) << 6 | text[position + 1] & 0x3F)
        position += 2
      }
    }
    return bytes
  }

  /// The state of an array: (version, shape, dtype, is in Fortran's order, bytes); that of a dtype is of no use.
  private mutating func build(_ state: [Item], _ opcode: UInt8) throws {
    guard case .container(let index) = try top() else { throw wrong(opcode) }
    switch heap[index] {
    case .type: return
    case .array:
      guard state.count == 5, case .container(let shape) = state[1], case .container(let type) = state[2],
        case .type(let name) = heap[type], case .integer(let isFortran) = state[3],
        case .bytes(let bytes) = state[4]
      else { throw wrong(opcode) }
      let dimensions = try sequence(.container(shape), opcode).map { item -> Int in
        guard case .integer(let size) = item, size >= 0 else { throw wrong(opcode) }
        return size
      }
      guard ["u1", "|u1", "uint8"].contains(name) else {
        throw PickleError.unsupported(
          "an array of '\(FormatError.shortened(name))'; only bytes (u1) are read")
      }
      guard isFortran == 0 || dimensions.count < 2 else {
        throw PickleError.unsupported("an array in Fortran's order")
      }
      var count = 1
      for size in dimensions {
        let (product, overflow) = count.multipliedReportingOverflow(by: size)
        guard !overflow else { throw wrong(opcode) }
        count = product
      }
      guard count == bytes.count else {
        throw PickleError.malformed("an array of shape \(dimensions) has \(bytes.count) bytes")
      }
      heap[index] = .array(shape: dimensions, bytes: bytes)
    default: throw wrong(opcode)
    }
  }

  // MARK: The stack

  private mutating func push(_ container: Container) {
    heap.append(container)
    stack.append(.container(heap.count - 1))
  }

  private func top() throws -> Item { try stack.top(at: stream.position - 1) }

  private mutating func pop() throws -> Item { try stack.pop(at: stream.position - 1) }

  private mutating func popToMark() throws -> [Item] { try stack.popToMark(at: stream.position - 1) }

  private func sequence(_ item: Item, _ opcode: UInt8) throws -> [Item] {
    guard case .container(let index) = item, case .sequence(let items) = heap[index] else {
      throw wrong(opcode)
    }
    return items
  }

  private mutating func append(_ items: [Item]) throws {
    guard case .container(let index) = try top(), case .sequence(var sequence) = heap[index] else {
      throw wrong(UInt8(ascii: "e"))
    }
    // The heap's copy goes first, so that the array is not copied.
    heap[index] = .sequence([])
    sequence.append(contentsOf: items)
    heap[index] = .sequence(sequence)
  }

  private mutating func set(_ items: [Item]) throws {
    guard case .container(let index) = try top(), case .dictionary(var pairs) = heap[index],
      items.count.isMultiple(of: 2)
    else { throw wrong(UInt8(ascii: "u")) }
    for position in stride(from: 0, to: items.count, by: 2) {
      pairs.append((items[position], items[position + 1]))
    }
    heap[index] = .dictionary(pairs)
  }

  private mutating func recall(_ index: Int) throws {
    guard let item = memo[index] else { throw PickleError.malformed("the memo has no entry \(index)") }
    stack.append(item)
  }

  private mutating func decimal() throws -> Int {
    guard let number = Int(try stream.line()) else { throw PickleError.malformed("a memo's number is none") }
    return number
  }

  private func wrong(_ opcode: UInt8) -> PickleError {
    .malformed("the operand of '\(Unicode.Scalar(opcode))' before byte \(stream.position) is of a wrong kind")
  }
}
