// Loops.swift: the few inner loops that the reference implementations share.

/// y[i] += a · x[i].
@inline(__always)
func addScaled(_ a: Double, _ x: UnsafePointer<Double>, to y: UnsafeMutablePointer<Double>, count: Int) {
  for i in 0..<count { y[i] += a * x[i] }
}

/// Σ x[i] · y[i].
@inline(__always)
func dot(_ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>, count: Int) -> Double {
  var sum = 0.0
  for i in 0..<count { sum += x[i] * y[i] }
  return sum
}

/// Calls `body` with the elements of two operands and of a result.
@inline(__always)
func withPointers(
  _ a: HostTensor, _ b: HostTensor, _ result: inout HostTensor,
  _ body: (UnsafePointer<Double>, UnsafePointer<Double>, UnsafeMutablePointer<Double>) -> Void
) {
  a.values.withUnsafeBufferPointer { a in
    b.values.withUnsafeBufferPointer { b in
      result.values.withUnsafeMutableBufferPointer { result in
        guard let a = a.baseAddress, let b = b.baseAddress, let result = result.baseAddress else { return }
        body(a, b, result)
      }
    }
  }
}

extension HostTensor {
  /// Every row of the innermost dimension is `row`, or zeros where there is none.
  init(_ shape: Shape, rows row: HostTensor?) {
    self.init(shape)
    guard let row, !row.values.isEmpty else { return }
    forEachChannel { index, channel in values[index] = row.values[channel] }
  }
}
