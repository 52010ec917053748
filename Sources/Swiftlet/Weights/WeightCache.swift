// WeightCache.swift: the folder that downloaded weights are kept in.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletData
import SwiftletFormats
import SwiftletGraph
import SwiftletInference
import SwiftletTraining
import SwiftletVision

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The folder of downloaded weights: `$SWIFTLET_CACHE`, else `$XDG_CACHE_HOME/swiftlet`, else `~/.cache/swiftlet`.
public enum WeightCache {
  /// The folder.
  ///
  /// - Throws: ``PullError/noCacheFolder`` where none of the variables that could name it is set.
  public static func folder() throws -> String {
    if let path = EnvironmentVariable.cache.value { return path }
    if let base = EnvironmentVariable.variable("XDG_CACHE_HOME") { return base + "/swiftlet" }
    if let home = EnvironmentVariable.variable("HOME") { return home + "/.cache/swiftlet" }
    throw PullError.noCacheFolder
  }

  /// The path of a source's file, whether it is there or not.
  ///
  /// - Throws: ``PullError/noCacheFolder``.
  public static func path(of source: WeightSource) throws -> String {
    try folder() + "/" + source.fileName
  }

  /// Whether a file is there.
  public static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  /// Makes the folder.
  static func makeFolder() throws -> String {
    let path = try folder()
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw PullError.unwritableFolder(path: path)
    }
    return path
  }
}
