// AvailableProcessors.swift: the number of threads of this process that can run at a time.

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The processors that this process may use: those that are online, within its affinity mask and its control group's quota.
public enum AvailableProcessors {
  /// Their number; at least 1. A quota of one and a half processors counts as 2.
  public static let count: Int = {
    var count = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    #if os(Linux)
      if let allowed = affinity() { count = min(count, allowed) }
      if let quota = controlGroupQuota() { count = min(count, max(1, Int(quota.rounded(.up)))) }
    #endif
    return count
  }()

  #if os(Linux)
    /// Processors in the affinity mask. (The C function for it is hidden from Swift by a macro.)
    private static func affinity() -> Int? { text("/proc/self/status").flatMap(allowed(status:)) }

    /// The processors' time that the control group may take, in processors; the least along the path of the group.
    private static func controlGroupQuota() -> Double? {
      let groups = (text("/proc/self/cgroup") ?? "").split(separator: "\n").map(String.init)
      var quotas: [Double] = []
      for line in groups {
        let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(
          String.init)
        guard fields.count == 3 else { continue }
        if fields[0] == "0" {
          quotas += paths("/sys/fs/cgroup", fields[2]).compactMap { quota(versionTwo: text($0 + "/cpu.max")) }
        } else if fields[1].split(separator: ",").contains("cpu") {
          for folder in paths("/sys/fs/cgroup/cpu", fields[2]) {
            let (quota, period) = (text(folder + "/cpu.cfs_quota_us"), text(folder + "/cpu.cfs_period_us"))
            if let quota = self.quota(quota, period) { quotas.append(quota) }
          }
        }
      }
      return quotas.min()
    }

    /// A group's folder and those above it. (Inside a container the path may be one that only the host has.)
    private static func paths(_ root: String, _ group: String) -> [String] {
      var parts = group.split(separator: "/").map(String.init)
      var result: [String] = []
      while !parts.isEmpty {
        result.append(root + "/" + parts.joined(separator: "/"))
        parts.removeLast()
      }
      return result + [root]
    }

    private static func text(_ path: String) -> String? {
      guard let file = fopen(path, "r") else { return nil }
      defer { fclose(file) }
      var buffer = [UInt8](repeating: 0, count: 8192)
      let count = fread(&buffer, 1, buffer.count, file)
      return String(decoding: buffer[..<count], as: UTF8.self)
    }
  #endif

  /// The bits of the line `Cpus_allowed:	00000000,0000000f`.
  package static func allowed(status: String) -> Int? {
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed:") }) else {
      return nil
    }
    let count = line.dropFirst(13).reduce(0) { $0 + ($1.hexDigitValue?.nonzeroBitCount ?? 0) }
    return count > 0 ? count : nil
  }

  /// `150000 100000` is 1.5 processors; `max 100000` is no quota.
  package static func quota(versionTwo line: String?) -> Double? {
    let fields = (line ?? "").split(whereSeparator: \.isWhitespace).map(String.init)
    return fields.count == 2 ? quota(fields[0], fields[1]) : nil
  }

  /// Microseconds of processor time in a period of microseconds; a quota of −1 or `max` is none.
  package static func quota(_ quota: String?, _ period: String?) -> Double? {
    func number(_ text: String?) -> Double? {
      text.flatMap { Double($0.split(whereSeparator: \.isWhitespace).first.map(String.init) ?? "") }
    }
    guard let quota = number(quota), let period = number(period), quota > 0, period > 0 else { return nil }
    return quota / period
  }
}
