// Environment.swift: every environment variable that Swiftlet reads.

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// An environment variable that changes what Swiftlet does.
public enum Environment: String, CaseIterable, Sendable {
  /// The folder of downloaded weights.
  case cache = "SWIFTLET_CACHE"
  /// Where to fetch weights from instead of their publishers.
  case mirror = "SWIFTLET_MIRROR"

  /// One line of help.
  public var help: String {
    switch self {
    case .cache: "the folder of downloaded weights (default: ~/.cache/swiftlet)"
    case .mirror: "a URL that 'pull' fetches the weights' files from instead of their publishers"
    }
  }

  /// Its value, or `nil` where it is not set or empty.
  public var value: String? { Self.variable(rawValue) }

  /// The value of any variable, or `nil` where it is not set or empty.
  static func variable(_ name: String) -> String? {
    guard let text = getenv(name) else { return nil }
    let value = String(cString: text)
    return value.isEmpty ? nil : value
  }
}
