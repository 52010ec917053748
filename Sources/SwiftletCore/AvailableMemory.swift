// AvailableMemory.swift: the memory that this process may still take: the machine's, its container's, its own limit.

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Memory that can still be taken. Linux grants more than there is and later kills the process that uses it, so that
/// large allocations are compared with this number first.
package enum AvailableMemory {
  /// Bytes that the process may still take: the least of the free memory of the machine, of the control groups that the
  /// process is in, and of its limit of address space (`ulimit -v`).
  package static var bytes: Int {
    let limits = [physical, addressSpace] + controlGroups()
    return max(0, limits.compactMap { $0 }.min() ?? .max)
  }

  /// Free memory of the machine, caches that can be dropped and swap space included; all of its memory where the
  /// system does not report free memory.
  private static var physical: Int? {
    if let text = text("/proc/meminfo"), let free = kilobytes("MemAvailable:", in: text) {
      return (free + (kilobytes("SwapFree:", in: text) ?? 0)) << 10
    }
    let (pages, size) = (sysconf(Int32(_SC_PHYS_PAGES)), sysconf(Int32(_SC_PAGESIZE)))
    return pages > 0 && size > 0 ? Int(pages) * Int(size) : nil
  }

  /// The rest of the address space under `RLIMIT_AS`; `nil` without a limit.
  private static var addressSpace: Int? {
    var limit = rlimit()
    #if canImport(Glibc)
      let status = getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
    #else
      let status = getrlimit(RLIMIT_AS, &limit)
    #endif
    guard status == 0, limit.rlim_cur < UInt64(Int.max) >> 1 else { return nil }
    let pages = text("/proc/self/statm")?.split(separator: " ").first.flatMap { Int($0) } ?? 0
    return Int(limit.rlim_cur) - pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }

  /// The free memory of each control group of the process, from its own up to the root, in version 2 and version 1.
  private static func controlGroups() -> [Int] {
    guard let groups = text("/proc/self/cgroup") else { return [] }
    var result: [Int] = []
    for line in groups.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let isSecond = parts[1].isEmpty
      guard isSecond || parts[1].split(separator: ",").contains("memory") else { continue }
      var path = parts[2].split(separator: "/")
      while true {
        let folder = (["/sys/fs/cgroup"] + (isSecond ? [] : ["memory"]) + path).joined(separator: "/")
        if let free = isSecond ? secondVersion(folder) : firstVersion(folder) { result.append(free) }
        if path.isEmpty { break }
        path.removeLast()
      }
    }
    return result
  }

  private static func secondVersion(_ folder: String) -> Int? {
    guard let limit = number("\(folder)/memory.max"), let used = number("\(folder)/memory.current") else {
      return nil
    }
    return limit - used + reclaimable("\(folder)/memory.stat", "inactive_file")
  }

  private static func firstVersion(_ folder: String) -> Int? {
    guard let limit = number("\(folder)/memory.limit_in_bytes"), limit < Int.max >> 1,
      let used = number("\(folder)/memory.usage_in_bytes")
    else { return nil }
    return limit - used + reclaimable("\(folder)/memory.stat", "total_inactive_file")
  }

  /// Bytes of file caches, which the system drops before it refuses memory.
  private static func reclaimable(_ file: String, _ key: String) -> Int {
    let line = text(file)?.split(separator: "\n").first { $0.hasPrefix(key + " ") }
    return line?.split(separator: " ").last.flatMap { Int($0) } ?? 0
  }

  /// A file of one number; `nil` where it is missing or holds `max`.
  private static func number(_ file: String) -> Int? {
    text(file).flatMap { $0.split(whereSeparator: \.isWhitespace).first }.flatMap { Int($0) }
  }

  private static func kilobytes(_ key: String, in text: String) -> Int? {
    text.split(separator: "\n").first { $0.hasPrefix(key) }?
      .split(separator: " ").dropFirst().first.flatMap { Int($0) }
  }

  private static func text(_ path: String) -> String? {
    FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
  }

  /// A number of bytes in readable units: `14.2 GB`.
  package static func text(_ bytes: Int) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"]
    var (value, unit) = (Double(bytes), 0)
    while value >= 999.5, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    let tenths = Int((10 * value).rounded())
    return unit == 0 ? "\(bytes) bytes" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
  }
}
