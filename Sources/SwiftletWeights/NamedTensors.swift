// NamedTensors.swift: the tensors of a weight file: names and tensors, in an order.

import SwiftletCore

/// Tensors with names, in the order of the file they came from, with look-up by name.
///
/// Names are compared byte by byte (UTF-8), as Python and JSON do, not by Unicode equivalence.
package struct NamedTensors: Sendable, RandomAccessCollection {
  private let elements: [(name: String, tensor: Tensor)]
  private let positions: [ExactName: Int]

  /// No tensors.
  package init() {
    elements = []
    positions = [:]
  }

  /// Creates a collection from names and tensors.
  ///
  /// - Parameters:
  ///   - elements: in the order to keep.
  ///   - file: the file that they are from, or go to, for the error.
  /// - Throws: ``FormatError/malformedTensor(file:tensor:reason:)`` where a name occurs twice.
  package init(_ elements: [(name: String, tensor: Tensor)], file: String = "tensors") throws {
    var indices = [ExactName: Int](minimumCapacity: elements.count)
    for (index, element) in elements.enumerated() {
      guard indices.updateValue(index, forKey: ExactName(element.name)) == nil else {
        throw FormatError.malformedTensor(file: file, tensor: element.name, reason: "the name occurs twice")
      }
    }
    self.elements = elements
    positions = indices
  }

  /// The names, in order.
  package var names: [String] { elements.map(\.name) }

  /// The tensor of that name, or `nil`.
  package subscript(name: String) -> Tensor? { positions[ExactName(name)].map { elements[$0].tensor } }

  package var startIndex: Int { 0 }
  package var endIndex: Int { elements.count }
  package subscript(position: Int) -> (name: String, tensor: Tensor) { elements[position] }
}

/// A string that is equal only to the same bytes. (`String` takes "é" in one and in two scalars as equal.)
package struct ExactName: Hashable {
  package let text: String

  package init(_ text: String) { self.text = text }

  package static func == (left: ExactName, right: ExactName) -> Bool {
    left.text.utf8.elementsEqual(right.text.utf8)
  }

  package func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}
