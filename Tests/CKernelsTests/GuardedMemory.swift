// GuardedMemory.swift: operands between forbidden pages, with margins of NaN that nobody may change.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where an operand lies between its two forbidden pages.
enum Placement: CaseIterable, Sendable {
  /// Right after the first: a read or a write before the operand ends the run.
  case afterGuard
  /// Right before the second: a read or a write past its end does.
  case beforeGuard
}

/// An operand in memory of its own.
final class GuardedFloats {
  let pointer: UnsafeMutablePointer<Float>
  let count: Int
  private let mapping: UnsafeMutableRawPointer
  private let mapped: Int
  private let inside: UnsafeMutableBufferPointer<Float>
  private let first: Int

  /// A NaN that no arithmetic makes.
  static let poison = Float(bitPattern: 0x7FED_BEEF)

  struct NoMemory: Error {}

  init(_ values: [Float], _ placement: Placement) throws {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let bytes = max((values.count * 4 + page - 1) / page * page, page)
    mapped = bytes + 2 * page
    guard
      let memory = mmap(nil, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
      memory != MAP_FAILED,
      mprotect(memory, page, PROT_NONE) == 0,
      mprotect(memory + page + bytes, page, PROT_NONE) == 0
    else { throw NoMemory() }
    mapping = memory
    let floats = (memory + page).bindMemory(to: Float.self, capacity: bytes / 4)
    inside = UnsafeMutableBufferPointer(start: floats, count: bytes / 4)
    inside.initialize(repeating: Self.poison)
    first = placement == .afterGuard ? 0 : bytes / 4 - values.count
    count = values.count
    pointer = floats + first
    for (index, value) in values.enumerated() { pointer[index] = value }
  }

  deinit { munmap(mapping, mapped) }

  var values: [Float] { (0..<count).map { pointer[$0] } }

  /// Whether the memory around the operand is as it was.
  var hasIntactMargins: Bool {
    inside.indices.allSatisfy {
      ($0 >= first && $0 < first + count) || inside[$0].bitPattern == Self.poison.bitPattern
    }
  }
}

/// Dense rows spread `stride` apart, with poison between them and none after the last.
func spread(_ values: [Float], width: Int, stride: Int) -> [Float] {
  guard width > 0, !values.isEmpty else { return values }
  let rows = values.count / width
  var result = [Float](repeating: GuardedFloats.poison, count: (rows - 1) * stride + width)
  for row in 0..<rows {
    for column in 0..<width { result[row * stride + column] = values[row * width + column] }
  }
  return result
}

/// The rows of `spread` values again; `nil` where something was written between them.
func gathered(_ values: [Float], width: Int, stride: Int) -> [Float]? {
  var result: [Float] = []
  for (index, value) in values.enumerated() {
    if index % stride < width {
      result.append(value)
    } else if value.bitPattern != GuardedFloats.poison.bitPattern {
      return nil
    }
  }
  return result
}
