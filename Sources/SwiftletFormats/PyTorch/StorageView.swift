// StorageView.swift: a tensor out of a PyTorch storage: offset, sizes and strides, in elements.

import SwiftletCore

/// The part of a storage that a tensor of PyTorch covers, as `Tensor.as_strided` means it.
struct StorageView {
  let shape: Shape
  let strides: [Int]
  let offset: Int
  let scalarType: ScalarType
  private let count: Int

  /// Checks that every element lies inside a storage of `byteCount` bytes.
  ///
  /// - Throws: `PickleError`.
  init(sizes: [Int], strides: [Int], offset: Int, scalarType: ScalarType, byteCount: Int) throws {
    guard sizes.count == strides.count, sizes.count <= 64 else {
      throw PickleError.malformed("it has \(sizes.count) sizes and \(strides.count) strides")
    }
    shape = Shape(sizes)
    guard let count = shape.checkedCount, offset >= 0, strides.allSatisfy({ $0 >= 0 }) else {
      throw PickleError.malformed("its sizes, strides or offset are negative or too large")
    }
    // A dimension of one element is never stepped along; its stride may be anything.
    self.strides = zip(sizes, strides).map { $0 == 1 ? 0 : $1 }
    self.offset = offset
    self.scalarType = scalarType
    self.count = count
    guard count > 0 else { return }
    var last = offset
    for (size, stride) in zip(sizes, strides) {
      let (reach, overflow) = (size - 1).multipliedReportingOverflow(by: stride)
      let (sum, carry) = last.addingReportingOverflow(reach)
      guard !overflow, !carry else { throw PickleError.malformed("its strides are too large") }
      last = sum
    }
    guard last < byteCount / scalarType.byteCount else {
      throw PickleError.malformed(
        "\(shape) from element \(offset) reaches element \(last) of a storage of "
          + "\(byteCount / scalarType.byteCount)")
    }
  }

  /// Bytes that a copy of the elements takes; `nil` where that is more than memory can have.
  var byteCount: Int? {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: scalarType.byteCount)
    return overflow ? nil : bytes
  }

  /// Whether the elements lie one after the other, in the order of the shape.
  var isContiguous: Bool {
    guard count > 0 else { return true }
    var expected = 1
    for (size, stride) in zip(shape.dimensions, strides).reversed() where size != 1 {
      if stride != expected { return false }
      expected *= size
    }
    return true
  }

  /// The tensor over `storage` itself, or over a copy in the order of the shape where it is not contiguous.
  ///
  /// - Parameter start: the byte of `storage` at which PyTorch's storage begins.
  func tensor(in storage: TensorStorage, from start: Int) throws -> Tensor {
    guard count > 0 else {
      let empty = TensorStorage(byteCount: 0) { _ in }
      return try Tensor(shape: shape, scalarType: scalarType, storage: empty)
    }
    let width = scalarType.byteCount
    let first = start + offset * width
    if isContiguous {
      return try Tensor(shape: shape, scalarType: scalarType, storage: storage, byteOffset: first)
    }
    let copy = storage.withUnsafeBytes { source in
      TensorStorage(byteCount: count * width) { target in
        var index = [Int](repeating: 0, count: shape.rank)
        var from = first
        for position in 0..<count {
          for byte in 0..<width { target[position * width + byte] = source[from + byte] }
          // The next index, as an odometer counts.
          for axis in index.indices.reversed() {
            index[axis] += 1
            from += strides[axis] * width
            if index[axis] < shape[axis] { break }
            from -= strides[axis] * width * shape[axis]
            index[axis] = 0
          }
        }
      }
    }
    return try Tensor(shape: shape, scalarType: scalarType, storage: copy)
  }
}
