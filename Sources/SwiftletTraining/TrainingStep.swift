// TrainingStep.swift: forward, loss, backward, update and averages as one graph.

import SwiftletArchitectures
@_exported import SwiftletGraph

/// The parts of a step that are not the network's: task, loss, optimizer, and the frozen part.
package struct StepOptions: Sendable {
  /// The task: the outputs and the targets that are compared.
  package var task: any TrainingTask
  /// The loss.
  package var loss: any Loss
  /// The optimizer.
  package var optimizer: Optimizer
  /// Weight decay.
  package var weightDecay: Double
  /// Parameters that decay does not apply to: depthwise weights, scales, offsets and biases, as the papers have it.
  package var decayExclusions: Set<ParameterRole>
  /// The largest norm of all gradients together; `nil` for any.
  package var clipNorm: Double?
  /// Whether gradients of several runs are summed before an update.
  package var accumulates: Bool
  /// Whether an average of all parameters is kept.
  package var averages: Bool
  /// Whether each weight's gradient is an output too, `gradient.<weight>`: of all runs that are accumulated, before clipping and decay.
  package var exposesGradients: Bool
  /// The factor of a parameter's learning rate.
  package var rateFactor: @Sendable (ParameterSpec) -> Double
  /// Whether a parameter stays as it is.
  package var isFrozen: @Sendable (ParameterSpec) -> Bool

  /// Creates options.
  package init(
    task: any TrainingTask = ClassificationTask(), loss: any Loss = CrossEntropyLoss(), optimizer: Optimizer,
    weightDecay: Double = 0,
    decayExclusions: Set<ParameterRole> = [.depthwise, .normScale, .normOffset, .bias],
    clipNorm: Double? = nil, accumulates: Bool = false, averages: Bool = false,
    exposesGradients: Bool = false,
    rateFactor: @escaping @Sendable (ParameterSpec) -> Double = { _ in 1 },
    isFrozen: @escaping @Sendable (ParameterSpec) -> Bool = { _ in false }
  ) {
    self.task = task
    self.loss = loss
    self.optimizer = optimizer
    self.weightDecay = weightDecay
    self.decayExclusions = decayExclusions
    self.clipNorm = clipNorm
    self.accumulates = accumulates
    self.averages = averages
    self.exposesGradients = exposesGradients
    self.rateFactor = rateFactor
    self.isFrozen = isFrozen
  }
}

/// One step of training as one graph over a network in training form.
///
/// Inputs, beside the network's `step` and `image`: the task's targets (of classes `targets` `[N, C]`), `teacher` `[N, C]` where the
/// loss needs one, `rates` `[5]` (``StepRates``), and `gradient.loss`, which scales all gradients: 1, or 1 / n where n runs are
/// accumulated. Outputs: `loss`, the task's outputs (of classes `logits` `[N, C]`) and `gradientNorm`, and gradients where
/// ``StepOptions/exposesGradients`` is set. Names are in ``PortName``. Updates: weights, running statistics, and the step's state:
/// parameters `<moment>/<weight>`, `accumulated/<weight>`, `average/<parameter>` of role `state`.
package struct TrainingStep: Sendable {
  /// The graph.
  package let graph: Graph
  /// The weights that it trains, by name.
  package let trained: [String]
  /// The state's starting values, by name; zeros for names that are missing.
  private let starts: [String: Float]
  /// The network's own parameters.
  package let networkParameters: [String]

  /// Builds the step.
  ///
  /// - Parameters:
  ///   - network: in training form, with the task's outputs.
  ///   - options: the rest.
  /// - Throws: ``GraphError``, ``TrainingError/missingOutput(_:network:)`` where the network lacks an output of the task.
  package init(_ network: Graph, _ options: StepOptions) throws {
    let task = options.task
    let outputs = try task.outputs.map { name in
      guard let port = network.outputs.first(where: { $0.name == name }) else {
        throw TrainingError.missingOutput(name, network: network.name)
      }
      return port.value
    }
    // Outputs that the task does not read, such as taps, are not computed.
    var builder = GraphBuilder(extending: try network.withOutputs(task.outputs))
    let types = outputs.map { network.type(of: $0) }
    let targets = task.targetInputs(for: types).map { builder.input($0.name, $0.type) }
    let teacher = options.loss.needsTeacher ? types.first.map { builder.input(PortName.teacher, $0) } : nil
    let rates = builder.input(PortName.rates, TensorType([StepRates.count]))
    let loss = try task.emit(options.loss, outputs: outputs, targets: targets, teacher: teacher, in: &builder)
    builder.output(PortName.loss, loss)
    let differentiated = try builder.finish().differentiated(of: PortName.loss, isFrozen: options.isFrozen)
    let gradients = Dictionary(
      uniqueKeysWithValues: differentiated.outputs.compactMap { port in
        PortName.gradientTarget(port.name).map { ($0, port.value) }
      })

    builder = GraphBuilder(extending: try differentiated.withOutputs([PortName.loss] + task.outputs))
    var starts: [String: Float] = [:]
    let weights = differentiated.parameters.filter { gradients[$0.name] != nil }
    var sums: [Value] = []
    for spec in weights {
      guard let gradient = gradients[spec.name] else { continue }
      guard options.accumulates else {
        sums.append(gradient)
        continue
      }
      let name = "accumulated/\(spec.name)"
      let state = try builder.parameter(name, .state, spec.shape)
      let sum = try builder.apply(Accumulate(), state, gradient, rates, label: name)
      builder.update(name, sum)
      sums.append(sum)
    }
    guard !sums.isEmpty else {
      throw GraphError.notDifferentiable(node: network.name, operation: "network with every weight frozen")
    }
    let scale = try builder.emit(GradientScale(maximum: options.clipNorm), sums, label: "gradientScale")
    builder.output(PortName.gradientNorm, scale[1])
    if options.exposesGradients {
      for (spec, sum) in zip(weights, sums) { builder.output(PortName.gradient(of: spec.name), sum) }
    }
    var current = Dictionary(
      uniqueKeysWithValues: differentiated.updates.map { ($0.name, $0.value) })
    for (spec, sum) in zip(weights, sums) {
      var inputs = [spec.value, sum, rates, scale[0]]
      var names = [spec.name]
      for moment in options.optimizer.moments {
        let name = "\(moment.name)/\(spec.name)"
        inputs.append(try builder.parameter(name, .state, spec.shape))
        names.append(name)
        starts[name] = moment.start
      }
      let decay = options.decayExclusions.contains(spec.role) ? 0 : options.weightDecay
      let results = try builder.emit(
        WeightUpdate(options.optimizer, decay: decay, rateFactor: options.rateFactor(spec)), inputs,
        label: "update.\(spec.name)")
      for (name, value) in zip(names, results) { builder.update(name, value) }
      current[spec.name] = results[0]
    }
    if options.averages {
      for spec in network.parameters {
        guard let value = current[spec.name] else { continue }
        let name = "average/\(spec.name)"
        let state = try builder.parameter(name, .state, spec.shape)
        builder.update(name, try builder.apply(MovingAverage(), state, value, rates, label: name))
      }
    }
    graph = try builder.finish()
    trained = weights.map(\.name)
    self.starts = starts
    networkParameters = network.parameters.map(\.name)
  }

  /// The network's parameters with the step's state at its start: moments as the optimizer has them, averages equal to the
  /// averaged parameters.
  ///
  /// - Throws: ``ParametersError`` where the parameters are not the network's.
  package func initialState(_ parameters: Parameters) throws -> Parameters {
    var state = Parameters()
    for spec in graph.parameters where spec.role != .state { state[spec.name] = parameters[spec.name] }
    for spec in graph.parameters where spec.role == .state {
      let prefix = spec.name.prefix { $0 != "/" }
      if prefix == "average" {
        state[spec.name] = parameters[String(spec.name.dropFirst(prefix.count + 1))]
      } else {
        let start = starts[spec.name] ?? 0
        state[spec.name] = try Tensor(
          shape: spec.shape, floats: [Float](repeating: start, count: spec.shape.count))
      }
    }
    try state.check(against: graph)
    return state
  }

  /// The network's own parameters out of the step's; their averages where there are some and `averaged`.
  ///
  /// - Parameter start: the run's starting parameters. Those that the task's outputs do not depend on are taken from here.
  package func network(_ state: Parameters, averaged: Bool, start: Parameters = Parameters()) -> Parameters {
    var result = Parameters()
    for name in networkParameters {
      let own = state[name] ?? start[name]
      result[name] = averaged ? state["average/\(name)"] ?? own : own
    }
    return result
  }

  /// The position of an input of the graph, or `nil`.
  package func input(_ name: String) -> Int? { graph.inputs.firstIndex { $0.name == name } }

  /// The position of an output of the graph, or `nil`.
  package func output(_ name: String) -> Int? { graph.outputs.firstIndex { $0.name == name } }
}
