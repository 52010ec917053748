import Swiftlet

// snippet: block
/// Half of the channels from a 1×1 convolution, the other half cheaply from those (arXiv 1911.11907).
struct Ghost: BlockDefinition {
  static let name = "ghost"
  var channels: Int, kernel: Int, stride: Int

  func apply(_ x: Value, in network: inout NetworkBuilder) throws -> Value {
    let primary = try network.convolution(
      x, "primary", channels: network.scaled(channels / 2), kernel: 1, stride: stride, activation: .relu)
    let cheap = try network.depthwise(primary, "cheap", kernel: kernel, activation: .relu)
    return try network.concatenate([primary, cheap])
  }
}
// end
