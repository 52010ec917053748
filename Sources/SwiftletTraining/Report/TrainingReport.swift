// TrainingReport.swift: what a run came to, and the page that shows it.

import SwiftletData

/// What a run came to.
public struct TrainingReport: Sendable {
  /// The page.
  public func html() -> String { "" }
}
