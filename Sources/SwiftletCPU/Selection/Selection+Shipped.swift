// Selection+Shipped.swift: the measurements of `swiftlet tune --swift` on the processors that are named here.

extension Selection {
  /// The table that ships for a processor: empty for one that was not measured, where rules then decide.
  public static func shipped(for processor: Processor = .current) -> Selection {
    tables.first {
      $0.vendor == processor.vendor && $0.family == processor.family && $0.models.contains(processor.model)
    }
    .map { Selection($0.choices) } ?? Selection()
  }

  /// Choices, and the processors on which they were measured.
  private struct Table {
    let vendor: String
    let family: Int
    let models: ClosedRange<Int>
    /// A line for each choice: `+` takes the fused block or Winograd's way, `-` the plain one.
    let text: String

    var choices: [Key: Bool] {
      text.split(separator: "\n").reduce(into: [:]) { choices, line in
        if let key = Key(String(line.dropFirst(2))) { choices[key] = line.hasPrefix("+") }
      }
    }
  }

  /// The number of lines of all tables: a test compares it with the choices that were read.
  package static var shippedLines: Int { tables.reduce(0) { $0 + $1.text.split(separator: "\n").count } }
  package static var shippedChoices: Int { tables.reduce(0) { $0 + $1.choices.count } }

  private static let tables = [zen5Server]

  /// AMD EPYC of family 26, model 2 (Zen 5, L2 of 1 MB), 2026-11-24.
  private static let zen5Server = Table(
    vendor: "AuthenticAMD", family: 26, models: 2...2,
    text: """
      + avx2 block 112×112 16-16 kernel 3 stride 1
      + avx2 block 112×112 16-64-24 kernel 3 stride 2
      + avx2 block 112×112 16-96-24 kernel 3 stride 2
      + avx2 block 112×112 32-16 kernel 3 stride 1
      + avx2 block 112×112 32-64 kernel 3 stride 1
      + avx2 block 112×112 64-128 kernel 3 stride 2
      - avx2 block 14×14 512-512 kernel 3 stride 1
      - avx2 block 14×14 64-384-64 kernel 3 stride 1
      - avx2 block 14×14 64-384-96 kernel 3 stride 1
      - avx2 block 14×14 80-184-80 kernel 3 stride 1
      - avx2 block 14×14 80-200-80 kernel 3 stride 1
      - avx2 block 14×14 96-384-96 kernel 3 stride 1
      - avx2 block 14×14 96-576-96 kernel 3 stride 1
      - avx2 block 14×14 96-768-96 kernel 3 stride 1
      - avx2 block 16×16 24-144-24 kernel 3 stride 1
      - avx2 block 28×28 24-88-24 kernel 3 stride 1
      + avx2 block 28×28 256-256 kernel 3 stride 1
      - avx2 block 28×28 256-512 kernel 3 stride 2
      - avx2 block 28×28 32-192-32 kernel 3 stride 1
      - avx2 block 28×28 32-192-64 kernel 3 stride 2
      - avx2 block 28×28 40-240-80 kernel 3 stride 2
      - avx2 block 28×28 48-384-96 kernel 3 stride 2
      - avx2 block 32×32 16-96-24 kernel 3 stride 2
      - avx2 block 32×32 32-16 kernel 3 stride 1
      + avx2 block 56×56 128-128 kernel 3 stride 1
      - avx2 block 56×56 128-256 kernel 3 stride 2
      + avx2 block 56×56 16-72-24 kernel 3 stride 2
      + avx2 block 56×56 24-144-24 kernel 3 stride 1
      + avx2 block 56×56 24-144-32 kernel 3 stride 2
      + avx2 block 56×56 24-72-24 kernel 3 stride 1
      + avx2 winograd 14×14 256-256
      + avx2 winograd 16×16 128-128
      + avx2 winograd 28×28 128-128
      + avx2 winograd 28×28 48-192
      - avx2 winograd 32×32 3-32
      - avx2 winograd 32×32 3-64
      + avx2 winograd 32×32 64-64
      - avx2 winograd 4×4 512-512
      + avx2 winograd 56×56 32-128
      + avx2 winograd 56×56 64-64
      + avx2 winograd 7×7 512-512
      + avx2 winograd 8×8 256-256
      + avx512 block 112×112 16-16 kernel 3 stride 1
      + avx512 block 112×112 16-64-24 kernel 3 stride 2
      + avx512 block 112×112 16-96-24 kernel 3 stride 2
      + avx512 block 112×112 32-16 kernel 3 stride 1
      + avx512 block 112×112 32-64 kernel 3 stride 1
      + avx512 block 112×112 64-128 kernel 3 stride 2
      - avx512 block 14×14 512-512 kernel 3 stride 1
      - avx512 block 14×14 64-384-64 kernel 3 stride 1
      - avx512 block 14×14 64-384-96 kernel 3 stride 1
      - avx512 block 14×14 80-184-80 kernel 3 stride 1
      - avx512 block 14×14 80-200-80 kernel 3 stride 1
      - avx512 block 14×14 96-384-96 kernel 3 stride 1
      - avx512 block 14×14 96-576-96 kernel 3 stride 1
      - avx512 block 14×14 96-768-96 kernel 3 stride 1
      - avx512 block 16×16 24-144-24 kernel 3 stride 1
      - avx512 block 28×28 24-88-24 kernel 3 stride 1
      + avx512 block 28×28 256-256 kernel 3 stride 1
      - avx512 block 28×28 256-512 kernel 3 stride 2
      - avx512 block 28×28 32-192-32 kernel 3 stride 1
      - avx512 block 28×28 32-192-64 kernel 3 stride 2
      - avx512 block 28×28 40-240-80 kernel 3 stride 2
      - avx512 block 28×28 48-384-96 kernel 3 stride 2
      - avx512 block 32×32 16-96-24 kernel 3 stride 2
      - avx512 block 32×32 32-16 kernel 3 stride 1
      + avx512 block 56×56 128-128 kernel 3 stride 1
      - avx512 block 56×56 128-256 kernel 3 stride 2
      + avx512 block 56×56 16-72-24 kernel 3 stride 2
      + avx512 block 56×56 24-144-24 kernel 3 stride 1
      + avx512 block 56×56 24-144-32 kernel 3 stride 2
      + avx512 block 56×56 24-72-24 kernel 3 stride 1
      + avx512 winograd 14×14 256-256
      + avx512 winograd 16×16 128-128
      + avx512 winograd 28×28 128-128
      + avx512 winograd 28×28 48-192
      - avx512 winograd 32×32 3-32
      - avx512 winograd 32×32 3-64
      + avx512 winograd 32×32 64-64
      - avx512 winograd 4×4 512-512
      + avx512 winograd 56×56 32-128
      + avx512 winograd 56×56 64-64
      - avx512 winograd 7×7 512-512
      + avx512 winograd 8×8 256-256
      """)
}
