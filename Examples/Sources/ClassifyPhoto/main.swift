import Foundation
import Swiftlet

guard CommandLine.arguments.count > 2 else {
  print("usage: ClassifyPhoto WEIGHTS PHOTO…")
  exit(2)
}
// snippet: classify
do {
  let model = try Model(contentsOf: CommandLine.arguments[1])  // torchvision's, timm's or our own file
  let classifier = try Classifier(model)  // compiled once; Sendable, for any number of threads
  for path in CommandLine.arguments.dropFirst(2) {
    for guess in try classifier(RGBImage(contentsOf: path)).top(5) {
      print(guess.label, guess.probability)
    }
  }
  try model.save(to: "model.safetensors")  // weights, architecture, preprocessing, labels: one file
} catch {
  FileHandle.standardError.write(Data("\(error)\n".utf8))  // one line: the file and the cause
  exit(1)
}
// end
