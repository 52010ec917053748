// ZeroedMemory.swift: memory that is zero, in large pages where there is much of it.

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Memory that begins as zeros, aligned to a cache line; large blocks come straight from the system.
///
/// Packed weights are megabytes that every run reads from end to end. In pages of 4 kB that is thousands of entries of the
/// translation cache, more than it has; so large blocks request pages of 2 MB, which Linux gives where it can.
package struct ZeroedMemory: Sendable {
  /// The memory's address; never 0.
  private let address: UInt
  /// The requested number of bytes.
  package let byteCount: Int
  /// The origin of the memory.
  private let source: Source

  private enum Source {
    /// The argument of `free`.
    case allocator(UInt)
    /// The arguments of `munmap`.
    case mapping(UInt, byteCount: Int)
  }

  /// The size of a large page of x86-64, and the least block that uses large pages.
  private static let page = 2 << 20

  /// Reserves `byteCount` bytes.
  package init(byteCount: Int) {
    self.byteCount = byteCount
    if byteCount >= Self.page, let (start, base, length) = Self.map(byteCount) {
      address = start
      source = .mapping(base, byteCount: length)
      return
    }
    // calloc does not clear memory that is fresh from the system and zero already.
    let line = 64
    let block = UInt(bitPattern: calloc(1, byteCount + line))
    precondition(block != 0, "no memory for \(byteCount) bytes")
    address = (block + UInt(line) - 1) / UInt(line) * UInt(line)
    source = .allocator(block)
  }

  /// A mapping in which the memory begins at a large page; `nil` where the system gives none.
  private static func map(_ byteCount: Int) -> (start: UInt, base: UInt, length: Int)? {
    let (length, overflow) = byteCount.addingReportingOverflow(page)
    guard !overflow else { return nil }
    #if canImport(Darwin)
      let flags = MAP_PRIVATE | MAP_ANON
    #else
      let flags = MAP_PRIVATE | MAP_ANONYMOUS
    #endif
    guard let base = mmap(nil, length, PROT_READ | PROT_WRITE, flags, -1, 0), base != MAP_FAILED else {
      return nil
    }
    let aligned = (UInt(bitPattern: base) + UInt(page) - 1) / UInt(page) * UInt(page)
    #if os(Linux)
      // Only advice: where it is not followed everything still works.
      _ = madvise(UnsafeMutableRawPointer(bitPattern: aligned), byteCount, Int32(MADV_HUGEPAGE))
    #endif
    return (aligned, UInt(bitPattern: base), length)
  }

  /// The memory.
  package var bytes: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(bitPattern: address), count: byteCount)
  }

  /// The first byte of the memory.
  package var start: UnsafeMutableRawPointer {
    guard let start = bytes.baseAddress else { preconditionFailure("memory without an address") }
    return start
  }

  /// Gives the memory back. Nothing may use it any more.
  package func deallocate() {
    switch source {
    case .allocator(let block): free(UnsafeMutableRawPointer(bitPattern: block))
    case .mapping(let base, let length): munmap(UnsafeMutableRawPointer(bitPattern: base), length)
    }
  }
}
