// CheckpointFolder.swift: the last and the best checkpoint of a run, and the lock on its folder.

import SwiftletCore

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The checkpoints of a run's folder: `checkpoints/last.safetensors` and `checkpoints/best.safetensors`.
///
/// While it exists the folder is locked; the system takes the lock from a process that is killed.
final class CheckpointFolder {
  /// The folder of the run.
  let run: RunFolder
  private let lock: Int32

  /// The file of the last checkpoint.
  var last: String { run.file("checkpoints/last.safetensors") }
  /// The file of the best one.
  var best: String { run.file("checkpoints/best.safetensors") }

  /// Creates the folder where it is missing, locks it, and removes half-written files of a killed run.
  ///
  /// - Throws: ``RunFolderError`` where it cannot be written to, ``TrainingError/folderLocked(_:)``.
  init(_ path: String) throws {
    run = try RunFolder(path)
    let checkpoints = try RunFolder(run.file("checkpoints"))
    lock = open(run.file(".lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0o666)
    guard lock >= 0 else {
      throw RunFolderError.notWritable(path: path, reason: String(cString: strerror(errno)))
    }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      close(lock)
      throw TrainingError.folderLocked(run.path)
    }
    for folder in [run, checkpoints] {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
      for name in names where name.hasPrefix(".swiftlet-") && name.hasSuffix(".tmp") {
        unlink(folder.file(name))
      }
    }
  }

  deinit { close(lock) }

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
