import Swiftlet

// snippet: architecture
let tiny = Architecture(
  "tiny", dialect: .tensorflow, stem: .conv(16, stride: 2, .hardSwish),
  stages: [
    [.mbconv(16, stride: 2, expand: .to(16), squeeze: .mobileNetV3, .relu)],
    [.mbconv(24, stride: 2, expand: .to(72), .relu), .mbconv(24, expand: .to(88), .relu)],
    [Row(Ghost(channels: 40, kernel: 5, stride: 2), repeats: 2)],
  ],
  head: .mobileNetV3(features: 576, classifier: 1024))
// end
for row in try tiny.summary().rows {
  print(row.operator, row.output, row.parameters, row.multiplyAdds, separator: "\t")
}
let graph = try tiny.graph()
let plan = try ReferenceBackend().compile(graph, parameters: Parameters(initialising: graph, seed: 1))
var session = plan.makeSession()
let image = try Tensor(shape: [1, 224, 224, 3], floats: [Float](repeating: 0.5, count: 224 * 224 * 3))
print("logits:", try session.run([image])[0].shape)
