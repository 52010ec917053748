import Foundation
// Foundation has types of the names Operation and Port; none of Swiftlet's names need a module before them.
import Swiftlet

guard CommandLine.arguments.count > 2 else {
  print("usage: ManyImages WEIGHTS PHOTO…")
  exit(2)
}
do {
  // snippet: many
  let classifier = try Classifier(Model(contentsOf: CommandLine.arguments[1]))
  let images = AsyncThrowingStream<RGBImage, any Error> { stream in
    let paths = CommandLine.arguments.dropFirst(2)
    for path in paths {
      stream.yield(with: Result { try RGBImage(encoded: Data(contentsOf: URL(fileURLWithPath: path))) })
    }
    stream.finish()
  }
  for try await result in classifier.classifications(of: images) {
    let guess = result.top(1)[0]
    print(guess.label, guess.probability)
  }
  // end
} catch {
  FileHandle.standardError.write(Data("\(error)\n".utf8))
  exit(1)
}
