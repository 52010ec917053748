import Foundation
import Swiftlet

guard CommandLine.arguments.count == 3 else {
  print("usage: FineTune WEIGHTS PHOTOGRAPHS")
  exit(2)
}
do {
  // snippet: fine-tune
  let model = try Model(contentsOf: CommandLine.arguments[1])  // MobileNetV2 that knows ImageNet, say
  // A folder with a folder of photographs for each class.
  let photographs = try DatasetSplit.open(path: CommandLine.arguments[2], holdOut: 0.2, seed: 1)

  var recipe = Recipe.fineTune
  recipe.epochs = 6
  recipe.batch = 16
  let trainer = try Trainer(model, recipe, on: photographs)  // with a new classifier for the folder's classes
  for try await epoch in trainer.fit() {
    print("epoch \(epoch.epoch): loss \(epoch.trainingLoss), right \(epoch.validationAccuracy ?? 0)")
  }
  if let trained = try trainer.model() {
    try trained.save(to: "fine-tuned.safetensors")  // for `swiftlet classify --weights`
    let classifier = try Classifier(trained)
    let image = try photographs.training.image(0)
    print(photographs.training.name(0), try classifier(image).top(1)[0].label)
  }
  // end
} catch {
  FileHandle.standardError.write(Data("\(error)\n".utf8))
  exit(1)
}
