// GraphModel.swift: a small model that is a graph, as another framework's exporter would make it.

import SwiftletModules

/// A classifier of 16×16 images as a graph: two layers that share a weight and a bias, norms, a computed weight, and a second output
/// before the logits.
public func graphModel(classes: Int = 3, size: (Int, Int) = (16, 16), seed: UInt64 = 5) throws -> Model {
  var builder = GraphBuilder(name: "exported")
  let image = builder.input("image", TensorType([4, size.0, size.1, 3]))
  func norm(_ x: Value, _ label: String) throws -> Value {
    try builder.scope(label) { builder in
      let channels: Shape = [builder.type(of: x).shape[-1]]
      let operands = [
        x, try builder.parameter("scale", .normScale, channels),
        try builder.parameter("offset", .normOffset, channels),
        try builder.parameter("mean", .normMean, channels),
        try builder.parameter("variance", .normVariance, channels),
      ]
      return try builder.emit(BatchNorm(epsilon: 1e-3), operands, label: "")[0]
    }
  }
  let stem = try builder.parameter("stem.weight", .convolution, [3, 3, 3, 8])
  var x = try builder.apply(
    Convolution(window: Window(kernel: 3, stride: 2, padding: Padding(1))), image, stem, label: "stem#2")
  x = try builder.apply(Activation(.relu6), norm(x, "stem.norm"), label: "stem.activation")
  let (weight, bias) = (
    try builder.parameter("shared.weight", .convolution, [3, 3, 8, 8]),
    try builder.parameter("shared.bias", .bias, [8])
  )
  for index in 0..<2 {
    let y = try builder.emit(
      Convolution(window: Window(kernel: 3, padding: Padding(1))), [x, weight, bias], label: "layer\(index)")[
        0]
    x = try builder.apply(
      Add(), x, builder.apply(Activation(.hardSwish), norm(y, "norm\(index)"), label: "activation\(index)"),
      label: "add\(index)")
  }
  let pooled = try builder.apply(GlobalAveragePool(), x, label: "pool")
  builder.output("pooled", pooled)
  let head = [
    pooled, try builder.parameter("head.weight", .linear, [8, classes]),
    try builder.parameter("head.bias", .bias, [classes]),
  ]
  builder.output("logits", try builder.emit(Linear(), head, label: "head")[0])
  let graph = try builder.finish()
  return try Model(
    graph, parameters: Parameters(initializing: graph, seed: seed),
    preprocessing: .cifar(resolution: size.0), labels: (0..<classes).map { "class \($0)" })
}
