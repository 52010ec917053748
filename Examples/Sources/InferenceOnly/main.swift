// Inference alone: this program links no zip, crypto or checksum library (Scripts/checks/products).
import Foundation
import SwiftletInference

guard CommandLine.arguments.count == 3 else {
  print("usage: InferenceOnly MODEL.safetensors IMAGE")
  exit(2)
}
do {
  let model = try Model(contentsOf: CommandLine.arguments[1])
  let guess = try Classifier(model)(RGBImage(contentsOf: CommandLine.arguments[2])).top(1)[0]
  print(guess.label, guess.probability)
} catch {
  FileHandle.standardError.write(Data("\(error)\n".utf8))
  exit(1)
}
