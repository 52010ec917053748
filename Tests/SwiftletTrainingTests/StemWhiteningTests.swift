// StemWhiteningTests.swift: the first kernel against the patches that it is made of.

import SwiftletArchitectures
import SwiftletTraining
import TestSupport
import Testing

@Suite struct StemWhiteningTests {
  private func kernelName(_ network: Architecture) throws -> String {
    try #require(network.graph().parameters.first { $0.role == .convolution }).name
  }

  /// All 3 × 3 patches of the images, in the network's units.
  private func patches(_ data: any ImageDataset) throws -> [[Double]] {
    try (0..<data.count).flatMap { index in
      let input = try TinyRun.preprocessing.input(data.image(index)).floats()
      return (0..<36).map { place in
        (0..<27).map { i in
          Double(input[((place / 6 + i / 9) * 8 + place % 6 + i / 3 % 3) * 3 + i % 3])
        }
      }
    }
  }

  /// Outputs over all patches are uncorrelated, of falling variance, and none of another direction has more.
  @Test(arguments: [2, 4, 5, 16, 60]) func outputsAreUncorrelated(channels: Int) throws {
    var network = TinyRun.architecture
    network.stem = [.conv(channels, stride: 2)]
    let name = try kernelName(network)
    let data = TinyRun.data(40)
    let seeded = try Parameters(initializing: network.graph(), seed: 7)
    let trainer = try TinyRun.trainer(
      TinyRun.recipe { $0.whitensStem = true }, architecture: network, data: data)
    let kernel = try #require(trainer.parameters[name]).floats().map(Double.init)
    let start = try #require(seeded[name]).floats().map(Double.init)
    let pairs = min(channels / 2, 27)
    func column(_ values: [Double], _ output: Int) -> [Double] {
      (0..<27).map { values[$0 * channels + output] }
    }
    func norm(_ v: [Double]) -> Double { v.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    let length = (0..<channels).reduce(0) { $0 + norm(column(start, $1)) } / Double(channels)
    let patches = try patches(data.training)
    func outputs(_ w: [Double]) -> [Double] {
      let y = patches.map { patch in zip(patch, w).reduce(0) { $0 + $1.0 * $1.1 } }
      let mean = y.reduce(0, +) / Double(y.count)
      return y.map { $0 - mean }
    }
    func covariance(_ a: [Double], _ b: [Double]) -> Double {
      zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } / Double(a.count)
    }
    let signals = (0..<pairs).map { outputs(column(kernel, 2 * $0)) }
    let variances = signals.map { covariance($0, $0) }
    for i in 0..<pairs {
      let (one, other) = (column(kernel, 2 * i), column(kernel, 2 * i + 1))
      #expect(zip(one, other).allSatisfy { $0 == -$1 } && abs(norm(one) - length) < 1e-6 * length)
      for j in 0..<i { #expect(abs(covariance(signals[i], signals[j])) < 1e-5 * variances[0]) }
    }
    #expect(zip(variances, variances.dropFirst()).allSatisfy { $0 >= $1 * (1 - 1e-5) })
    // The first component has the largest variance of all directions: no seeded kernel of its norm has more.
    for output in 0..<channels {
      let w = column(start, output)
      let y = outputs(w.map { $0 * length / norm(w) })
      #expect(covariance(y, y) <= variances[0] * (1 + 1e-6))
    }
    for output in (2 * pairs)..<channels { #expect(column(kernel, output) == column(start, output)) }
    for other in seeded.names where other != name {
      #expect(trainer.parameters[other]?.floats() == seeded[other]?.floats())
    }
  }

  /// Trained weights stay: they are not those of the recipe's seed.
  @Test func trainedWeightsStay() throws {
    let recipe = TinyRun.recipe { $0.whitensStem = true }
    let trained = try Parameters(initializing: TinyRun.architecture.graph(), seed: 99)
    let trainer = try Trainer(
      .architecture(TinyRun.architecture), parameters: trained, backend: ReferenceBackend(), recipe: recipe,
      data: TinyRun.data(), preprocessing: TinyRun.preprocessing)
    #expect(areIdentical(trainer.parameters, trained))
    let plain = try TinyRun.trainer(TinyRun.recipe())
    #expect(
      areIdentical(plain.parameters, try Parameters(initializing: TinyRun.architecture.graph(), seed: 7)))
  }

  /// Images that cannot be read are left out, and a run without any says why.
  @Test func brokenImagesAreLeftOut() throws {
    let recipe = TinyRun.recipe { $0.whitensStem = true }
    let some = DatasetSplit(training: ColoredSquares(count: 24, broken: [0, 3]), validation: nil)
    #expect(try TinyRun.trainer(recipe, data: some).parameters.names.isEmpty == false)
    let none = DatasetSplit(training: ColoredSquares(count: 24, broken: Set(0..<24)), validation: nil)
    #expect(throws: ColoredSquares.Broken.self) { try TinyRun.trainer(recipe, data: none) }
  }

  /// A run that is stopped and resumed has the weights of one that was not.
  @Test func aResumedRunStartsFromTheSameKernel() throws {
    try Files.withScratch { scratch in
      let recipe = TinyRun.recipe(epochs: 4) { $0.whitensStem = true }
      let whole = try TinyRun.trainer(recipe).run()
      _ = try TinyRun.trainer(TinyRun.recipe(epochs: 2) { $0.whitensStem = true }, folder: scratch).run()
      let resumed = try TinyRun.trainer(recipe, folder: scratch) { $0.resumes = true }
      #expect(areIdentical(resumed.parameters, try TinyRun.trainer(recipe).parameters))
      #expect(try resumed.run().records.count == whole.records.count)
    }
  }
}
