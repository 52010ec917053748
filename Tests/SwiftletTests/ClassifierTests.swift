// ClassifierTests.swift: classifiers and embedders for one image and many, from many threads and tasks.

import AllocationCounter
import Foundation
import SwiftletModules
import TestSupport
import Testing

@Suite struct ClassifierTests {
  private static func model(_ name: String = "mobilenet_v3_small") throws -> Model {
    let options = ZooOptions(width: name.hasPrefix("mobilenet") ? 0.25 : nil, resolution: 32, classes: 7)
    let architecture = try Zoo.architecture(name, options)
    return try Model(
      architecture, parameters: Parameters(initializing: architecture.graph(), seed: 9),
      labels: (0..<7).map { "label \($0)" })
  }

  /// Pictures of different sizes, each of another color gradient.
  private static func images(_ count: Int) throws -> [RGBImage] {
    var generator = SeededGenerator(seed: 5)
    return try (0..<count).map { index in
      let (width, height) = (20 + index % 7 * 9, 24 + index % 5 * 11)
      let pixels = (0..<(3 * width * height)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      return try RGBImage(width: width, height: height, pixels: pixels)
    }
  }

  @Test(arguments: [0, 1, 2, 5, 16, 37])
  func manyImagesGetTheLogitsThatEachGetsAlone(count: Int) throws {
    let images = try Self.images(count)
    for threads in [1, 2, 3] {
      let classifier = try Classifier(Self.model(), engine: CPUBackend(threads: threads))
      let together = try classifier.classify(images)
      #expect(together.count == count)
      for (image, result) in zip(images, together) {
        #expect(try classifier(image).logits == result.logits)
        #expect(result.top(1)[0].label.hasPrefix("label "))
      }
      let embedder = try Embedder(Self.model(), engine: CPUBackend(threads: threads))
      #expect(try embedder.embed(images) == images.map { try embedder($0) })
    }
  }

  @Test func imagesOfASequenceAreClassifiedInOrder() async throws {
    let images = try Self.images(41)
    let classifier = try Classifier(Self.model())
    let stream = AsyncStream<RGBImage> { continuation in
      for image in images { continuation.yield(image) }
      continuation.finish()
    }
    var logits: [[Float]] = []
    for try await result in classifier.classifications(of: stream) { logits.append(result.logits) }
    #expect(logits == (try classifier.classify(images).map(\.logits)))
    let one = try await classifier.classification(of: images[3])
    #expect(one.logits == logits[3])
  }

  @Test func aCancelledTaskDoesNoWork() async throws {
    let classifier = try Classifier(Self.model())
    let image = try Self.images(1)[0]
    let task = Task {
      while !Task.isCancelled { await Task.yield() }
      return try await classifier.classification(of: image)
    }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }

  /// More callers than sessions: they wait for one, and each gets its own image's answer.
  @Test func manyThreadsShareFewSessions() async throws {
    let classifier = try Classifier(Self.model(), engine: .automatic)
    let images = try Self.images(24)
    let expected = try images.map { try classifier($0).logits }
    let wrong = try await withThrowingTaskGroup(of: Int.self) { group in
      for start in 0..<8 {
        group.addTask {
          var wrong = 0
          for offset in 0..<48 {
            let index = (start * 3 + offset) % images.count
            if try classifier(images[index]).logits != expected[index] { wrong += 1 }
          }
          return wrong
        }
      }
      return try await group.reduce(0, +)
    }
    #expect(wrong == 0)
  }

  /// What one classification of a prepared input allocates: its results, a fixed number, and nothing for each layer.
  @Test(.enabled(if: allocation_counter_works() != 0, "allocations cannot be counted here"))
  func aClassificationAllocatesItsResultsOnly() throws {
    var counts: [Int] = []
    for model in [try Self.model(), try Self.model("cifar_se_resnet20"), try EmbeddedModel.load()] {
      let classifier = try Classifier(model, engine: CPUBackend())
      let input = try Tensor(shape: [1, 32, 32, 3], floats: [Float](repeating: 0.25, count: 3072))
      _ = try classifier.classify(input: input)
      var most = 0
      for _ in 0..<20 {
        allocation_counter_start_here()
        _ = try classifier.classify(input: input)
        most = max(most, Int(allocation_counter_stop_here()))
      }
      counts.append(most)
    }
    #expect(Set(counts).count == 1 && counts[0] <= 24, "\(counts)")
  }

  @Test func engineSettingsAreArguments() throws {
    setenv("SWIFTLET_ISA", "none", 1)
    setenv("SWIFTLET_CACHE", "/nowhere", 1)
    defer {
      unsetenv("SWIFTLET_ISA")
      unsetenv("SWIFTLET_CACHE")
    }
    let image = try Self.images(1)[0]
    #expect(try Classifier(Self.model())(image).logits.count == 7)
    #expect(try !Embedder(Self.model())(image).isEmpty)
  }
}
