// PickleStack.swift: the stack of a pickle's machine, and its marks.

/// A stack whose values above the last mark can be taken, and no others.
struct PickleStack<Value> {
  private var values: [Value] = []
  /// For each mark that is open, the height of the stack below it.
  private var marks: [Int] = []

  /// Whether nothing is above the last mark.
  var isAtMark: Bool { values.count == marks.last }

  mutating func append(_ value: Value) { values.append(value) }

  /// MARK.
  mutating func mark() { marks.append(values.count) }

  /// Takes the last mark away, and leaves the values.
  mutating func dropMark() { if !marks.isEmpty { marks.removeLast() } }

  /// The value on top.
  ///
  /// - Parameter position: of the opcode, for the error.
  func top(at position: Int) throws -> Value {
    guard let value = values.last, values.count > (marks.last ?? 0) else {
      throw PickleError.malformed("the stack is empty at byte \(position)")
    }
    return value
  }

  /// Takes the value on top.
  mutating func pop(at position: Int) throws -> Value {
    let value = try top(at: position)
    values.removeLast()
    return value
  }

  /// Takes the last mark, and the values above it.
  mutating func popToMark(at position: Int) throws -> [Value] {
    guard let mark = marks.popLast() else {
      throw PickleError.malformed("there is no mark at byte \(position)")
    }
    let above = Array(values[mark...])
    values.removeSubrange(mark...)
    return above
  }
}
