// Inference alone: this program links no zip, crypto or checksum library (Scripts/checks/products).
import SwiftletInference

struct Usage: Error {}
guard CommandLine.arguments.count == 3 else {
  print("usage: InferenceOnly MODEL.safetensors IMAGE")
  throw Usage()
}
let model = try Model(contentsOf: CommandLine.arguments[1])
let guess = try Classifier(model)(RGBImage(contentsOf: CommandLine.arguments[2])).top(1)[0]
print(guess.label, guess.probability)
