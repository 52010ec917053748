// ProgressBar.swift: the progress of a command, on a terminal only.

/// A bar on standard error; does nothing where that is not a terminal or where there is one item only.
struct ProgressBar {
  private let total: Int
  private var done = 0
  private var isShown = false
  private let isActive: Bool
  private let start = ContinuousClock.now

  /// Creates a bar for `total` items and shows it.
  init(total: Int) {
    self.total = total
    isActive = total > 1 && Console.hasTerminal
    draw()
  }

  /// Counts one item and shows the bar again.
  mutating func advance() {
    done += 1
    draw()
  }

  /// Removes the bar, so that a line can be printed in its place.
  mutating func clear() {
    guard isShown else { return }
    try? Console.write("\r\u{1B}[K", to: 2)
    isShown = false
  }

  private mutating func draw() {
    guard isActive, done < total else { return }
    let seconds = Double((ContinuousClock.now - start).components.seconds)
    let left = done > 0 ? Int((seconds / Double(done) * Double(total - done)).rounded(.up)) : nil
    let text = " \(done)/\(total)" + (left.map { $0 > 1 ? ", \($0) s left" : "" } ?? "")
    let width = max(0, min(40, Console.columns - text.count - 3))
    let filled = width * done / total
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    try? Console.write("\r\u{1B}[K" + bar + text, to: 2)
    isShown = true
  }
}
