// DetachedThread.swift: a thread that is never joined.

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Threads of their own, for work that blocks or spins: the cooperative pool of Swift's tasks is not for that.
package enum DetachedThread {
  /// The body of a new thread.
  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Starts a thread that executes `body` and ends; `false` where the system gives none.
  package static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
    let body = Unmanaged.passRetained(Body(body))
    #if canImport(Darwin)
      var thread: pthread_t?
    #else
      var thread = pthread_t()
    #endif
    let status = pthread_create(
      &thread, nil,
      { pointer in
        #if canImport(Darwin)
          Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run()
        #else
          guard let pointer else { return nil }
          Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run()
        #endif
        return nil
      }, body.toOpaque())
    guard status == 0 else {
      body.release()
      return false
    }
    #if canImport(Darwin)
      if let thread { pthread_detach(thread) }
    #else
      pthread_detach(thread)
    #endif
    return true
  }
}
