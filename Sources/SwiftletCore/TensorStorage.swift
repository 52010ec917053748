// TensorStorage.swift: the bytes behind tensors.

/// A block of bytes that never changes once it is published in a ``Tensor``: memory of our own, or a mapped file.
///
/// One of the two types of the project that are `@unchecked Sendable` (the other is `WorkerTeam`): the
/// bytes are written only inside the initializers, before any other thread can see the object.
package final class TensorStorage: @unchecked Sendable {
  /// The bytes. Valid as long as the storage lives.
  let bytes: UnsafeRawBufferPointer
  private let release: @Sendable (UnsafeRawBufferPointer) -> Void

  /// Allocates `byteCount` bytes, aligned to a cache line, and lets `initialize` fill them.
  ///
  /// - Parameters:
  ///   - byteCount: the number of bytes; 0 is allowed.
  ///   - initialize: called once with the memory, which is zeroed.
  package init(byteCount: Int, initialize: (UnsafeMutableRawBufferPointer) throws -> Void) rethrows {
    let memory = ZeroedMemory(byteCount: byteCount)
    do {
      try initialize(memory.bytes)
    } catch {
      memory.deallocate()
      throw error
    }
    bytes = UnsafeRawBufferPointer(memory.bytes)
    release = { _ in memory.deallocate() }
  }

  /// Takes over bytes of another owner, such as a mapped file.
  ///
  /// - Parameters:
  ///   - bytes: must not change, and must stay valid until `release` is called.
  ///   - release: called once with `bytes`, when the last tensor is gone.
  package init(
    adopting bytes: UnsafeRawBufferPointer, release: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
  ) {
    self.bytes = bytes
    self.release = release
  }

  deinit { release(bytes) }

  /// The number of bytes in the storage.
  package var byteCount: Int { bytes.count }

  /// Calls `body` with all bytes of the storage, which must not be kept.
  package func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(self) { try body(bytes) }
  }
}
