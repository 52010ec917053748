// WeightSource+Pull.swift: fetches published weights: resumable, checked, and in place only when whole.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletData
import SwiftletFormats
import SwiftletGraph
import SwiftletInference
import SwiftletTraining
import SwiftletVision

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The result of a pull.
public struct Pulled: Sendable, Hashable {
  /// The file in the cache.
  public let path: String
  /// Its sha256.
  public let sha256: String
  /// Whether it had to be fetched.
  public let wasFetched: Bool
}

extension WeightSource {
  /// Fetches the weights into the cache, unless they are there.
  ///
  /// The download goes to a `.partial` file, which a later pull continues; it takes its place only after its sha256 was
  /// found right. The transfer is made by the system's `curl`.
  ///
  /// - Parameter showsProgress: whether `curl` may draw its progress bar on standard error.
  /// - Throws: ``PullError`` naming the file.
  public func pull(showsProgress: Bool = false) throws -> Pulled {
    let folder = try WeightCache.makeFolder()
    let path = folder + "/" + fileName
    if WeightCache.exists(path) {
      let digest = try Digest.sha256(ofFile: path)
      guard matches(digest) else { throw PullError.wrongDigest(path: path, expected: sha256, found: digest) }
      return Pulled(path: path, sha256: digest, wasFetched: false)
    }
    let partial = path + ".partial"
    let lock = open(partial, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard lock >= 0 else { throw PullError.unwritableFolder(path: folder) }
    defer { close(lock) }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else { throw PullError.busy(path: partial) }

    let address =
      EnvironmentVariable.mirror.value.map { $0 + ($0.hasSuffix("/") ? "" : "/") + fileName } ?? url
    var digest = hasBytes(partial) ? try Digest.sha256(ofFile: partial) : nil
    if digest.map(matches) != true {
      do { try fetch(address, to: partial, showsProgress: showsProgress) } catch {
        if !hasBytes(partial) { unlink(partial) }
        throw error
      }
      digest = hasBytes(partial) ? try Digest.sha256(ofFile: partial) : nil
    }
    guard let digest, matches(digest) else {
      unlink(partial)
      throw PullError.wrongDigest(path: address, expected: sha256, found: digest ?? "an empty file")
    }
    guard fsync(lock) == 0, rename(partial, path) == 0 else { throw PullError.unwritableFolder(path: folder) }
    return Pulled(path: path, sha256: digest, wasFetched: true)
  }

  private func fetch(_ address: String, to partial: String, showsProgress: Bool) throws {
    let quiet = showsProgress ? ["--progress-bar"] : ["--silent"]
    let arguments =
      quiet + [
        "--fail", "--location", "--retry", "2", "--connect-timeout", "10", "--speed-time", "30",
        "--speed-limit", "1000", "--max-filesize", "4000000000", "--continue-at", "-", "--output", partial,
        "--", address,
      ]
    switch Subprocess.run("curl", arguments) {
    case 0: return
    case 127: throw PullError.noCurl(url: address)
    case 5, 6, 7: throw PullError.offline(source: self, url: address)
    case 28, 35, 52, 56, 18: throw PullError.interrupted(url: address, partial: partial)
    case 23: throw PullError.unwritableFolder(path: partial)
    case 22, 37, 78: throw PullError.refused(url: address)
    case 33, 36:
      // The server does not continue downloads: the next pull starts anew.
      unlink(partial)
      throw PullError.interrupted(url: address, partial: partial)
    case let code: throw PullError.failed(url: address, code: code)
    }
  }
}

/// Whether a file is there and not empty.
private func hasBytes(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_size > 0
}

/// Why weights could not be fetched.
public enum PullError: Error, Equatable, CustomStringConvertible {
  /// No environment variable gives a folder for the cache.
  case noCacheFolder
  /// The cache cannot be made or written.
  case unwritableFolder(path: String)
  /// Another pull is writing the same file.
  case busy(path: String)
  /// There is no `curl`.
  case noCurl(url: String)
  /// The publisher cannot be reached.
  case offline(source: WeightSource, url: String)
  /// The transfer broke off; the bytes so far are kept.
  case interrupted(url: String, partial: String)
  /// The publisher has no such file.
  case refused(url: String)
  /// The file is not the published one.
  case wrongDigest(path: String, expected: String, found: String)
  /// Anything else, with `curl`'s exit status.
  case failed(url: String, code: Int32)

  public var description: String {
    switch self {
    case .noCacheFolder: "no folder for weights: set \(EnvironmentVariable.cache.rawValue) or HOME"
    case .unwritableFolder(let path): "\(path): cannot be written"
    case .busy(let path): "\(path): another pull is writing it"
    case .noCurl(let url): "'curl' is not installed; it is needed to fetch \(url)"
    case .offline(let source, let url):
      "offline: cannot reach \(url); wanted \(source.fileName) (sha256 \(source.sha256)), which may also be put into "
        + "the cache by hand"
    case .interrupted(let url, let partial):
      "the transfer of \(url) broke off; pull again to continue \(partial)"
    case .refused(let url): "\(url): the server does not have this file"
    case .wrongDigest(let path, let expected, let found):
      "\(path): is not the published file: sha256 should begin \(expected), is \(found)"
    case .failed(let url, let code): "\(url): cannot be fetched (curl exit \(code))"
    }
  }
}
