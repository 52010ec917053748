// LoweringTests.swift: every operation and whole networks on the engine, against their definitions.

import SwiftletArchitectures
import SwiftletCPU
import TestSupport
import Testing

/// The kernels that this machine can run; the others are named by a test of their own.
let availableSets = InstructionSet.allCases.filter(\.isAvailable)

@Suite struct LoweringTests {
  static let samples: [(name: String, sample: Sample)] =
    Catalogue.all.flatMap { type in
      var generator = SeededGenerator(seed: 12, stream: type.name)
      return type.samples(using: &generator).enumerated().map { ("\(type.name)[\($0.offset)]", $0.element) }
    }

  /// Input 0 is an input of the graph; the weights of layers are parameters, as in networks.
  static func graph(_ name: String, _ sample: Sample) throws -> (Graph, Parameters, [HostTensor]) {
    var builder = GraphBuilder(name: name)
    var parameters = Parameters()
    var inputs: [HostTensor] = []
    let isLayer =
      sample.operation is Convolution || sample.operation is DepthwiseConvolution
      || sample.operation is Linear
    var values: [Value] = []
    for (index, tensor) in sample.inputs.enumerated() {
      if isLayer && index > 0 {
        values.append(try builder.parameter("p\(index)", .bias, tensor.shape))
        parameters["p\(index)"] = try tensor.tensor()
      } else {
        values.append(builder.input("x\(index)", tensor.type))
        inputs.append(tensor)
      }
    }
    for (index, output) in try builder.emit(sample.operation, values, label: "node").enumerated() {
      builder.output("y\(index)", output)
    }
    return (try builder.finish(), parameters, inputs)
  }

  @Test(arguments: availableSets, [1, 2, 3])
  func everyOperationIsItsDefinition(set: InstructionSet, threads: Int) throws {
    let backend = CPUBackend(threads: threads, instructionSet: set)
    for (name, sample) in Self.samples {
      let (graph, parameters, inputs) = try Self.graph(name, sample)
      let expected = try ReferencePlan(graph, parameters: parameters).run(inputs)
      let plan = try backend.plan(graph, parameters: parameters)
      try plan.verify()
      var session = plan.makeCPUSession()
      let tensors = try inputs.map { try $0.tensor() }
      for _ in 0..<2 {
        for (result, reference) in zip(try session.run(tensors), expected) {
          let worst = disagreement(
            result.doubles(), reference.values, absolute: 4e-6 * (reference.values.map(abs).max() ?? 0),
            relative: 1e-6)
          #expect(worst == nil, "\(name), \(set), \(threads): \(worst.map(String.init(describing:)) ?? "")")
        }
      }
    }
  }

  /// Operations that run by their definition in inference: those of training, whose fast paths are the training engine's.
  @Test func operationsWithoutAFastPathAreThese() throws {
    var slow: Set<String> = []
    for (name, sample) in Self.samples {
      let (graph, parameters, _) = try Self.graph(name, sample)
      let kinds = try CPUBackend().plan(graph, parameters: parameters).stepNames.map(\.kind)
      if kinds.contains(where: { $0.hasPrefix("reference") }) { slow.insert(type(of: sample.operation).name) }
    }
    let training = Set((Catalogue.backward + Catalogue.updates).map { $0.name })
    #expect(
      slow.subtracting(training) == [
        "batchNorm", "batchNormTraining", "distillation", "dropout", "sigmoidCrossEntropy",
        "softmaxCrossEntropy", "stochasticDepth",
      ])
    #expect(slow.isSuperset(of: training))
  }

  static let networks = [
    "mobilenet_v1", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_edgetpu",
    "se_mobilenet_v1", "mobilenet_v1_full_conv", "cifar_se_resnet20", "cifar_resnet18", "resnet18",
    "se_resnet50", "se_resnext50_32x4d", "se_resnet50_pre", "se_resnet50_post", "se_resnet50_identity",
  ]

  private static func network(_ name: String, batch: Int) throws -> (Graph, Parameters, HostTensor) {
    var architecture = try Zoo.architecture(name)
    if architecture.name.contains("mobilenet") { architecture.width = 0.5 }
    architecture.classes = 11
    architecture.resolution = architecture.name.hasPrefix("cifar") ? 17 : 45
    let graph = try architecture.graph(batch: batch)
    var generator = SeededGenerator(seed: 3, stream: name)
    var parameters = Parameters()
    for spec in graph.parameters {
      let fan = Double(max(spec.shape.count / max(spec.shape[-1], 1), 1))
      let range: ClosedRange<Double> =
        switch spec.role {
        // Residual sums of many blocks grow, and gates turn growth into rounding: keep them level.
        case .normScale: name.contains("resn") ? 0.3...0.9 : 0.5...1.5
        case .normVariance: 0.5...1.5
        case .bias, .normOffset, .normMean: -0.2...0.2
        default: (-(6 / fan).squareRoot())...(6 / fan).squareRoot()
        }
      parameters[spec.name] = try HostTensor(spec.shape, uniform: range, using: &generator).tensor()
    }
    let image = HostTensor(
      [batch, architecture.resolution, architecture.resolution, 3], uniform: -1...1, using: &generator)
    let (folded, weights) = try graph.applying([FoldBatchNorm()], to: parameters)
    return (folded, weights, HostTensor(image.shape, image.values.map { Double(Float($0)) }))
  }

  /// Whole networks at odd sizes, batches of 1 and 3: the definition's logits; the same bits for any number of threads.
  @Test(arguments: networks)
  func wholeNetworksAreTheirDefinition(name: String) throws {
    for batch in [1, 3] {
      let (graph, parameters, image) = try Self.network(name, batch: batch)
      let expected = try ReferencePlan(graph, parameters: parameters).run([image])[0]
      for set in availableSets {
        var first: [Float]?
        for threads in [1, 2, 3] {
          let plan = try CPUBackend(threads: threads, instructionSet: set).plan(graph, parameters: parameters)
          try plan.verify()
          #expect(plan.stepNames.allSatisfy { !$0.kind.hasPrefix("reference") }, "\(name)")
          var session = plan.makeCPUSession()
          let logits = try session.run([image.tensor()])[0]
          let worst = disagreement(logits.doubles(), expected.values, relativeToScale: 2e-5)
          #expect(worst == nil, "\(name), \(set), \(threads): \(worst.map(String.init(describing:)) ?? "")")
          #expect(first == nil || first == logits.floats(), "\(name), \(set): \(threads) threads differ")
          first = logits.floats()
        }
      }
    }
  }

  @Test func fusionLeavesNoActivationAndNoSumByItself() throws {
    let (graph, parameters, _) = try Self.network("mobilenet_v2", batch: 1)
    var backend = CPUBackend()
    backend.fusion = .never
    let text = try backend.plan(graph, parameters: parameters).description
    #expect(!text.contains("activate(") && !text.contains(" add(") && !text.contains("reference"))
    // stem, 17 blocks of 3 (the first of 2), features, pool, classifier.
    #expect(text.split(separator: "\n").count == 1 + 1 + 50 + 3)
  }

  @Test(arguments: InstructionSet.allCases)
  func unavailableSetsFallBackAndSaySo(set: InstructionSet) throws {
    let (graph, parameters, image) = try Self.network("mobilenet_v3_small", batch: 1)
    let plan = try CPUBackend(instructionSet: set).plan(graph, parameters: parameters)
    var session = plan.makeCPUSession()
    #expect(try session.run([image.tensor()])[0].floats().allSatisfy { $0.isFinite })
    if !set.isAvailable { print("instruction set not available on this machine: \(set.rawValue)") }
  }
}
