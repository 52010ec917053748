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
let model = try Model(tiny, parameters: Parameters(initializing: tiny.graph(), seed: 1))
let image = try RGBImage(width: 2, height: 2, pixels: [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255])
print("logits:", try Classifier(model)(image).logits.count)
