// TeacherInputs.swift: what a teacher sees of the photographs that another network is given.

import SwiftletVision

/// Turns a batch for one network into one for another: other statistics and order of channels, another resolution. It is the varied
/// and mixed batch that is turned, not the photographs, so that both networks look at the same thing (Beyer et al. 2022,
/// arXiv 2106.05237, section 3).
package struct TeacherInputs: Sendable {
  /// A channel of the result: the channel x that it comes from, and a · x + b.
  private struct Channel {
    let source: Int, factor: Float, offset: Float
  }

  private let channels: [Channel]
  /// Pixels of a side, before and after.
  private let own: Int, side: Int
  private let taps: TriangleTaps

  /// From the inputs that `own` describes to those that `other` does.
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
    taps = TriangleTaps(from: own.resolution, to: other.resolution)
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
              for tap in 0..<taps.width {
                let (start, weight) = ((taps.starts[row] + tap) * after, taps.weights[row * taps.width + tap])
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
    taps.weights.withUnsafeBufferPointer { weights in
      for (index, channel) in channels.enumerated() {
        for x in 0..<side {
          let start = 3 * taps.starts[x] + channel.source
          var sum: Float = 0
          for tap in 0..<taps.width { sum += weights[x * taps.width + tap] * source[start + 3 * tap] }
          target[3 * x + index] = channel.factor * sum + channel.offset
        }
      }
    }
  }
}

/// The weights of a triangle filter along one side, stretched where pixels become fewer: for each new pixel ``width`` old ones from
/// its start on. What Pillow calls bilinear.
private struct TriangleTaps: Sendable {
  let width: Int
  let starts: [Int]
  /// ``width`` for each new pixel; they sum to 1.
  let weights: [Float]

  init(from old: Int, to new: Int) {
    let scale = Double(old) / Double(new)
    let reach = max(scale, 1)
    let width = min(old, 2 * Int(reach.rounded(.up)) + 1)
    var (starts, weights) = ([Int](), [Float]())
    for pixel in 0..<new {
      let centre = (Double(pixel) + 0.5) * scale
      let start = max(0, min(old - width, Int((centre - Double(width) / 2).rounded())))
      let own = (start..<(start + width)).map { max(0, 1 - abs(Double($0) + 0.5 - centre) / reach) }
      let sum = own.reduce(0, +)
      starts.append(start)
      weights += own.map { Float($0 / sum) }
    }
    (self.width, self.starts, self.weights) = (width, starts, weights)
  }
}
