// StepShape.swift: the sizes that the speed of a step depends on, as a value and as text.

/// The shape of a step that can be computed in two ways.
package enum StepShape: Sendable, Hashable {
  /// A block on a map of `height` × `width`: channels before, between and after its layers (two of them without expansion).
  case block(height: Int, width: Int, channels: [Int], kernel: Int, stride: Int)
  /// A dense 3 × 3 convolution with an output of `height` × `width`.
  case winograd(height: Int, width: Int, channels: Int, columns: Int)
}

extension StepShape: LosslessStringConvertible {
  /// `block 112×112 16-96-24 kernel 3 stride 2`, `winograd 14×14 256-256`.
  package var description: String {
    switch self {
    case .block(let height, let width, let channels, let kernel, let stride):
      "block \(height)×\(width) \(channels.map(String.init).joined(separator: "-")) "
        + "kernel \(kernel) stride \(stride)"
    case .winograd(let height, let width, let channels, let columns):
      "winograd \(height)×\(width) \(channels)-\(columns)"
    }
  }

  /// Reads the text of ``description``, and nothing else.
  package init?(_ description: String) {
    let words = description.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count >= 3 else { return nil }
    let size = words[1].split(separator: "×").compactMap { Int($0) }
    let channels = words[2].split(separator: "-").compactMap { Int($0) }
    guard size.count == 2 else { return nil }
    switch (words[0], words.count) {
    case ("block", 7):
      guard channels.count == 2 || channels.count == 3, let kernel = Int(words[4]), let stride = Int(words[6])
      else { return nil }
      self = .block(height: size[0], width: size[1], channels: channels, kernel: kernel, stride: stride)
    case ("winograd", 3):
      guard channels.count == 2 else { return nil }
      self = .winograd(height: size[0], width: size[1], channels: channels[0], columns: channels[1])
    default: return nil
    }
    guard self.description == description else { return nil }
  }
}
