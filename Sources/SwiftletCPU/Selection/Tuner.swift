// Tuner.swift: measures the faster way for the shapes of some networks.

import SwiftletCore
import SwiftletGraph

/// Times blocks fused and layer by layer, and dense 3 × 3 convolutions by Winograd's products and directly, each alone and on one thread.
package struct Tuner: Sendable {
  /// A choice that was measured.
  package struct Finding: Sendable {
    /// The instruction set and the shape.
    package let key: Selection.Key
    /// The seconds of the plain way and of the other one, the least of several runs on one thread.
    package let plain: Double, other: Double
    /// The choice of the rules.
    package let rule: Bool

    /// Whether the other way is faster; a difference below 2 % is noise, and the rule decides.
    package var choice: Bool { abs(plain - other) < 0.02 * min(plain, other) ? rule : other < plain }
  }

  /// The instruction set of the measured kernels.
  package let instructionSet: InstructionSet

  /// Creates a tuner.
  package init(instructionSet: InstructionSet = .best) { self.instructionSet = instructionSet }

  /// The shapes of a graph that can be computed in two ways, in a fixed order.
  ///
  /// - Parameters:
  ///   - graph: with its norms folded.
  ///   - parameters: its weights; their values do not matter.
  /// - Throws: ``GraphError``, ``ParametersError``, ``PlanError``.
  package func shapes(_ graph: Graph, _ parameters: Parameters) throws -> [StepShape] {
    try graph.verify()
    try parameters.check(against: graph)
    var shapes: Set<StepShape> = []
    for (fusion, winograd) in [(CPUBackend.Use.always, CPUBackend.Use.never), (.never, .always)] {
      let backend = backend(fusion: fusion, winograd: winograd)
      var lowering = Lowering(graph, parameters, instructionSet.kernels.table, backend, threads: 1)
      try lowering.run()
      for step in lowering.fused(lowering.steps[...], keeping: graph.outputs.map(\.value)) {
        // A strip of a few rows cannot be partitioned evenly among threads, whatever it takes on one.
        if let block = step as? InvertedResidualStep, block.filtered[1] >= 14 { shapes.insert(block.shape) }
        if let convolution = step as? WinogradStep { shapes.insert(convolution.shape) }
      }
    }
    return shapes.sorted { $0.description < $1.description }
  }

  /// Measures a shape for about `seconds`, both ways in turn.
  ///
  /// - Throws: ``GraphError`` where there is no such layer.
  package func measure(_ shape: StepShape, seconds: Double) throws -> Finding {
    let graph = try Self.graph(shape)
    let parameters = try Self.parameters(graph)
    var plain = try backend(fusion: .never, winograd: .never).plan(graph, parameters: parameters)
      .makeCPUSession()
    var other = try backend(fusion: .always, winograd: .always).plan(graph, parameters: parameters)
      .makeCPUSession()
    var rules = backend(fusion: .whereItPays, winograd: .whereItPays)
    rules.selection = Selection()
    let ruled = try rules.plan(graph, parameters: parameters).steps
    let isRule = ruled.contains { $0 is InvertedResidualStep || $0 is WinogradStep }
    var least = (plain: Double.infinity, other: Double.infinity)
    plain.withInput(0) { $0.update(repeating: 0.5) }
    other.withInput(0) { $0.update(repeating: 0.5) }
    let start = ContinuousClock.now
    var rounds = 0
    // The first two rounds warm caches and pages.
    while rounds < 5 || (ContinuousClock.now - start).inSeconds < seconds {
      let times = (plain.timedSteps().reduce(0, +), other.timedSteps().reduce(0, +))
      if rounds >= 2 { least = (min(least.plain, times.0), min(least.other, times.1)) }
      rounds += 1
    }
    return Finding(
      key: Selection.Key(instructionSet, shape), plain: least.plain, other: least.other, rule: isRule)
  }

  private func backend(fusion: CPUBackend.Use, winograd: CPUBackend.Use) -> CPUBackend {
    var backend = CPUBackend(threads: 1, instructionSet: instructionSet)
    (backend.fusion, backend.winograd) = (fusion, winograd)
    return backend
  }

  /// A network of that one step.
  private static func graph(_ shape: StepShape) throws -> Graph {
    var builder = GraphBuilder(name: "\(shape)")
    switch shape {
    case .winograd(let height, let width, let channels, let columns):
      let x = builder.input("image", TensorType([1, height, width, channels]))
      let weight = try builder.parameter("weight", .convolution, [3, 3, channels, columns])
      let window = Window(kernel: 3, padding: Padding(1))
      let y = try builder.apply(Convolution(window: window), x, weight, label: "convolution")
      builder.output("y", try builder.apply(Activation(.relu), y, label: "activation"))
    case .block(let height, let width, let channels, let kernel, let stride):
      var x = builder.input("image", TensorType([1, height, width, channels[0]]))
      let pointwise = Convolution(window: Window(kernel: 1))
      if channels.count == 3 {
        let expand = try builder.parameter("expand", .convolution, [1, 1, channels[0], channels[1]])
        x = try builder.apply(pointwise, x, expand, label: "expand")
        x = try builder.apply(Activation(.relu6), x, label: "expand.activation")
      }
      let middle = channels[channels.count - 2]
      let filter = try builder.parameter("depthwise", .depthwise, [kernel, kernel, middle])
      let window = Window(kernel: kernel, stride: stride, padding: Padding(kernel / 2))
      x = try builder.apply(DepthwiseConvolution(window: window), x, filter, label: "depthwise")
      x = try builder.apply(Activation(.relu6), x, label: "depthwise.activation")
      let project = try builder.parameter(
        "project", .convolution, [1, 1, middle, channels[channels.count - 1]])
      builder.output("y", try builder.apply(pointwise, x, project, label: "project"))
    }
    return try builder.finish()
  }

  /// Small weights that keep every value a normal number.
  private static func parameters(_ graph: Graph) throws -> Parameters {
    var parameters = Parameters()
    for spec in graph.parameters {
      parameters[spec.name] = try Tensor(
        shape: spec.shape, floats: [Float](repeating: 0.01, count: spec.shape.count))
    }
    return parameters
  }
}
