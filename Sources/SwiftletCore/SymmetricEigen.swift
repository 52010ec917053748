// SymmetricEigen.swift: eigenvalues and eigenvectors of a small symmetric matrix.

/// The eigenvalues and eigenvectors of a symmetric matrix, by Jacobi's rotations in cyclic order (Golub and Van Loan, "Matrix
/// Computations", section 8.5): exact to rounding, and quick enough for the patches of a kernel.
package struct SymmetricEigen: Sendable {
  /// The eigenvalues, falling.
  package let values: [Double]
  /// The eigenvectors, each of norm 1, one behind the other in the order of ``values``. The largest number of each is positive.
  package let vectors: [Double]

  /// Decomposes `matrix` `[size, size]`.
  package init(_ matrix: [Double], size n: Int) {
    precondition(matrix.count == n * n, "a matrix of \(n) × \(n) numbers, got \(matrix.count)")
    var (a, v) = (matrix, [Double](repeating: 0, count: n * n))
    for i in 0..<n { v[i * n + i] = 1 }
    let scale = a.reduce(0) { $0 + $1 * $1 }
    for _ in 0..<64 {
      var rest = 0.0
      for p in 0..<n { for q in 0..<p { rest += a[p * n + q] * a[p * n + q] } }
      if rest <= 1e-30 * scale { break }
      for p in 0..<n {
        for q in (p + 1)..<max(n, p + 1) where a[p * n + q] != 0 {
          Self.rotate(&a, &v, p, q, n)
        }
      }
    }
    let order = (0..<n).sorted { a[$0 * n + $0] > a[$1 * n + $1] }
    values = order.map { a[$0 * n + $0] }
    vectors = order.flatMap { column in
      let vector = (0..<n).map { v[$0 * n + column] }
      let largest = vector.max { abs($0) < abs($1) } ?? 0
      return largest < 0 ? vector.map { -$0 } : vector
    }
  }

  /// Makes element (p, q) of `a` zero, and keeps the product of the rotations in `v`.
  private static func rotate(_ a: inout [Double], _ v: inout [Double], _ p: Int, _ q: Int, _ n: Int) {
    let theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q])
    let t = (theta < 0 ? -1 : 1) / (abs(theta) + (theta * theta + 1).squareRoot())
    let c = 1 / (t * t + 1).squareRoot()
    let s = t * c
    func mix(_ x: inout [Double], _ first: Int, _ second: Int) {
      let (old, other) = (x[first], x[second])
      x[first] = c * old - s * other
      x[second] = s * old + c * other
    }
    for k in 0..<n { mix(&a, k * n + p, k * n + q) }
    for k in 0..<n { mix(&a, p * n + k, q * n + k) }
    for k in 0..<n { mix(&v, k * n + p, k * n + q) }
  }
}
