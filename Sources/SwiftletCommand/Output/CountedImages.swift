// CountedImages.swift: the images of a data set, counted on a progress bar as they are read.

import SwiftletModules
import Synchronization

/// A data set that shows the progress of its reading; it is read once.
struct CountedImages<Target: Sendable>: ImageDataset {
  private final class Progress: Sendable {
    let bar: Mutex<ProgressBar>

    init(total: Int) { bar = Mutex(ProgressBar(total: total)) }
  }

  private let base: any ImageDataset<Target>
  private let progress: Progress

  /// Shows a bar for the images of `base`.
  init(_ base: some ImageDataset<Target>) {
    self.base = base
    progress = Progress(total: base.count)
  }

  /// Removes the bar.
  func finish() { progress.bar.withLock { $0.clear() } }

  var classes: [String] { base.classes }
  var count: Int { base.count }
  func name(_ index: Int) -> String { base.name(index) }
  func target(_ index: Int) -> Target { base.target(index) }
  func fingerprint(_ index: Int) -> String { base.fingerprint(index) }
  func image(_ index: Int) throws -> RGBImage {
    defer { progress.bar.withLock { $0.advance() } }
    return try base.image(index)
  }
}

extension CountedImages: Dataset where Target == Int {
  func label(_ index: Int) -> Int { target(index) }
}
