// SymmetricEigenTests.swift: eigenvectors against their definition.

import SwiftletCore
import Testing

@Suite struct SymmetricEigenTests {
  /// A matrix of known eigenvalues: Q D Qᵀ of Q, a product of reflections.
  @Test(arguments: [1, 2, 3, 27, 75]) func vectorsFollowTheirDefinition(size n: Int) {
    var generator = SeededGenerator(seed: UInt64(n), stream: "matrix")
    let wanted = (0..<n).map { Double(n - $0) * ($0 % 3 == 2 ? 0 : 1) }.sorted(by: >)
    var a = [Double](repeating: 0, count: n * n)
    for i in 0..<n { a[i * n + i] = wanted[i] }
    for _ in 0..<3 {
      let v = (0..<n).map { _ in generator.normal() }
      let square = v.reduce(0) { $0 + $1 * $1 }
      // H A H with H = 1 − 2 v vᵀ / |v|².
      for transposes in [false, true] {
        for column in 0..<n {
          let at = { (row: Int) in transposes ? column * n + row : row * n + column }
          let along = (0..<n).reduce(0) { $0 + v[$1] * a[at($1)] } * 2 / square
          for row in 0..<n { a[at(row)] -= along * v[row] }
        }
      }
    }
    let eigen = SymmetricEigen(a, size: n)
    for i in 0..<n {
      #expect(abs(eigen.values[i] - wanted[i]) < 1e-10 * Double(n), "value \(i) of \(n)")
      let v = Array(eigen.vectors[(i * n)..<((i + 1) * n)])
      for row in 0..<n {
        let product = (0..<n).reduce(0) { $0 + a[row * n + $1] * v[$1] }
        #expect(abs(product - eigen.values[i] * v[row]) < 1e-9 * Double(n))
      }
      for j in 0...i {
        let product = (0..<n).reduce(0) { $0 + v[$1] * eigen.vectors[j * n + $1] }
        #expect(abs(product - (i == j ? 1 : 0)) < 1e-12 * Double(n))
      }
      #expect(v.max { abs($0) < abs($1) } ?? 0 > 0)
    }
  }
}
