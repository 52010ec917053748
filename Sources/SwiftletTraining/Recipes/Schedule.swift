// Schedule.swift: the schedule of the learning rate over a run.

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The learning rate as a share of the recipe's, from the number of the update alone: a run that is resumed goes on as it would have.
public struct Schedule: Sendable, Hashable, Codable {
  /// The curve after the warm-up.
  public enum Curve: Sendable, Hashable, Codable {
    /// It stays.
    case constant
    /// Half a cosine from 1 down to `floor` at the end (Loshchilov and Hutter 2017, arXiv 1608.03983, eq. 5, without restarts).
    case cosine(floor: Double = 0)
    /// It is multiplied by `factor` at each of these epochs, counted from 0.
    case step(milestones: [Double], factor: Double)
    /// It is multiplied by `factor` every `epochs` epochs, all at once: 0.98 an epoch in arXiv 1801.04381, section 6.1.
    case exponential(factor: Double, epochs: Double = 1)
    /// Half a cosine up from `start` to 1, which is reached after the share `peak` of the run, then one down to `end`
    /// (Smith and Topin 2018, arXiv 1708.07120, with cosines for lines).
    case oneCycle(peak: Double = 0.3, start: Double = 0.04, end: Double = 1e-4)
  }

  /// The curve after the warm-up.
  public var curve: Curve
  /// Epochs at the start in which it grows linearly to its full value (Goyal et al. 2017, arXiv 1706.02677, section 2.2). `cosine` and
  /// `oneCycle` begin after them; milestones and exponents are counted from the run's start.
  public var warmUp: Double

  /// Creates a schedule.
  public init(_ curve: Curve, warmUp: Double = 0) {
    self.curve = curve
    self.warmUp = warmUp
  }

  /// The same all the way.
  public static let constant = Schedule(.constant)

  /// The share of the recipe's learning rate at an update.
  ///
  /// - Parameters:
  ///   - update: its number, from 0.
  ///   - perEpoch: updates in an epoch.
  ///   - total: updates in the run.
  public func rate(update: Int, perEpoch: Int, total: Int) -> Double {
    let (t, epoch) = (Double(update), Double(max(perEpoch, 1)))
    let warm = (warmUp * epoch).rounded()
    if t < warm { return (t + 1) / warm }
    switch curve {
    case .constant: return 1
    case .cosine(let floor):
      return Self.cosine(from: 1, to: floor, (t - warm) / max(Double(total) - warm, 1))
    case .step(let milestones, let factor):
      return milestones.reduce(1) { t >= ($1 * epoch).rounded() ? $0 * factor : $0 }
    case .exponential(let factor, let epochs):
      return pow(factor, (t / (epochs * epoch)).rounded(.down))
    case .oneCycle(let peak, let start, let end):
      // The last update has the last value.
      let share = (t - warm) / max(Double(total) - warm - 1, 1)
      return share < peak
        ? Self.cosine(from: start, to: 1, share / peak)
        : Self.cosine(from: 1, to: end, peak < 1 ? (share - peak) / (1 - peak) : 1)
    }
  }

  private static func cosine(from start: Double, to end: Double, _ share: Double) -> Double {
    end + (start - end) * (1 + cos(Double.pi * min(max(share, 0), 1))) / 2
  }

  /// The error in its numbers, or `nil`.
  var problem: String? {
    func isRatio(_ value: Double) -> Bool { value >= 0 && value <= 1 }
    guard warmUp >= 0, warmUp.isFinite else { return "a warm-up of \(warmUp) epochs" }
    switch curve {
    case .constant: return nil
    case .cosine(let floor): return isRatio(floor) ? nil : "a cosine down to \(floor) of the rate"
    case .step(let milestones, let factor):
      return isRatio(factor) && milestones.allSatisfy { $0 >= 0 && $0.isFinite }
        ? nil : "steps of factor \(factor) at epochs \(milestones)"
    case .exponential(let factor, let epochs):
      return factor > 0 && factor <= 1 && epochs > 0 && epochs.isFinite
        ? nil : "a factor of \(factor) every \(epochs) epochs"
    case .oneCycle(let peak, let start, let end):
      return isRatio(peak) && isRatio(start) && isRatio(end)
        ? nil : "a cycle from \(start) to \(end) with its peak at \(peak)"
    }
  }
}
