// TeacherInputs.swift: a student's batch converted into the inputs of its teacher.

import SwiftletVision

/// Converts a batch for one network into one for another: other statistics and order of channels, another resolution. It converts
/// the augmented and mixed batch, so that both networks see the same images (Beyer et al. 2022,
/// arXiv 2106.05237, section 3).
package struct TeacherInputs: Sendable {
  /// A channel of the result: the channel x that it comes from, and a · x + b.
  private struct Channel {
    let source: Int, factor: Float, offset: Float
  }

  private let channels: [Channel]
  /// Pixels of a side, before and after.
  private let own: Int, side: Int
  private let taps: FilterTaps
  private let shares: [Float]

  /// Creates the conversion from inputs of the preprocessing `own` to inputs of `other`.
  package init(from own: Preprocessing, to other: Preprocessing) {
    func largest(_ inputs: Preprocessing) -> Float { inputs.scale == .unit ? 1 : 255 }
    let unit = largest(other) / largest(own)
    channels = (0..<3).map { channel in
      let source = own.channelOrder == other.channelOrder ? channel : 2 - channel
      let deviation = other.standardDeviation[channel]
      return Channel(
        source: source, factor: own.standardDeviation[source] * unit / deviation,
        offset: (own.mean[source] * unit - other.mean[channel]) / deviation)
    }
    (self.own, side) = (own.resolution, other.resolution)
    taps = .bilinear(from: own.resolution, to: other.resolution)
    shares = taps.shares
  }

  /// `[N, R, R, 3]` at the teacher's resolution R from `[N, r, r, 3]`.
  package func callAsFunction(_ images: Tensor) throws -> Tensor {
    let (count, before, after) = (images.shape[0], 3 * own, 3 * side)
    return try Tensor(shape: [count, side, side, 3]) { target in
      images.withFloats { source in
        withUnsafeTemporaryAllocation(of: Float.self, capacity: own * after) { narrow in
          for image in 0..<count {
            for row in 0..<own {
              narrowRow(
                UnsafeBufferPointer(rebasing: source[((image * own + row) * before)...].prefix(before)),
                UnsafeMutableBufferPointer(rebasing: narrow[(row * after)...].prefix(after)))
            }
            for row in 0..<side {
              let sums = UnsafeMutableBufferPointer(
                rebasing: target[((image * side + row) * after)...].prefix(after))
              sums.update(repeating: 0)
              for tap in 0..<taps.counts[row] {
                let (start, weight) = ((taps.starts[row] + tap) * after, shares[row * taps.stride + tap])
                for column in 0..<after { sums[column] += weight * narrow[start + column] }
              }
            }
          }
        }
      }
    }
  }

  /// One row at the new width, with its new statistics.
  private func narrowRow(_ source: UnsafeBufferPointer<Float>, _ target: UnsafeMutableBufferPointer<Float>) {
    shares.withUnsafeBufferPointer { weights in
      for (index, channel) in channels.enumerated() {
        for x in 0..<side {
          let start = 3 * taps.starts[x] + channel.source
          var sum: Float = 0
          for tap in 0..<taps.counts[x] { sum += weights[x * taps.stride + tap] * source[start + 3 * tap] }
          target[3 * x + index] = channel.factor * sum + channel.offset
        }
      }
    }
  }
}
