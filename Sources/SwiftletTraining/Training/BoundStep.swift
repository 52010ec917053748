// BoundStep.swift: a step of training in memory: the graph for a resolution, its session, and where its inputs and outputs are.

import SwiftletArchitectures
import SwiftletData

/// A step at one resolution, ready to run.
final class BoundStep {
  /// Positions of the step's inputs.
  struct Inputs {
    let step: Int?, image: Int, targets: [Int], teacher: Int?, rates: Int, scale: Int
  }

  /// Positions of the step's outputs.
  struct Outputs {
    let loss: Int, task: [Int], norm: Int
  }

  /// Height and width of the images, in pixels.
  let resolution: Int
  let step: TrainingStep
  let session: any TrainingSession
  let inputs: Inputs, outputs: Outputs

  /// Makes the step of a run.
  ///
  /// - Parameters:
  ///   - resolution: height and width of the images.
  ///   - state: weights and the optimizer's state; the run's starting weights if `nil`.
  /// - Throws: ``TrainingError`` where network, task and recipe do not fit together, or memory is short.
  init(_ trainer: Trainer, resolution: Int, state: Parameters?) throws {
    let (step, network) = try Self.step(trainer, resolution: resolution)
    func input(_ name: String) throws -> Int {
      guard let index = step.input(name) else {
        throw TrainingError.missingOutput(name, network: trainer.network.name)
      }
      return index
    }
    func output(_ name: String) throws -> Int {
      guard let index = step.output(name) else {
        throw TrainingError.missingOutput(name, network: trainer.network.name)
      }
      return index
    }
    let types = trainer.task.outputs.compactMap { name in
      network.outputs.first { $0.name == name }.map { network.type(of: $0.value) }
    }
    inputs = Inputs(
      step: step.input(PortName.step), image: try input(PortName.image),
      targets: try trainer.task.targetInputs(for: types).map { try input($0.name) },
      teacher: step.input(PortName.teacher), rates: try input(PortName.rates),
      scale: try input(PortName.gradient(of: PortName.loss)))
    outputs = Outputs(
      loss: try output(PortName.loss), task: try trainer.task.outputs.map(output),
      norm: try output(PortName.gradientNorm))
    try Self.checkMemory(trainer, step, resolution: resolution)
    session = try trainer.backend.makeTrainingSession(
      step.graph, parameters: try state ?? step.initialState(trainer.parameters))
    (self.resolution, self.step) = (resolution, step)
  }

  /// Throws unless a step at this resolution fits into memory, without making it.
  static func checkMemory(_ trainer: Trainer, resolution: Int) throws {
    try checkMemory(trainer, step(trainer, resolution: resolution).step, resolution: resolution)
  }

  private static func checkMemory(_ trainer: Trainer, _ step: TrainingStep, resolution: Int) throws {
    try MemoryNeed(
      step: step.graph, batch: trainer.recipe.batch, resolution: resolution,
      prefetch: min(trainer.options.prefetch, trainer.data.training.count / trainer.recipe.batch)
    ).check(limit: trainer.options.memoryLimit)
  }

  /// The step, and the network's graph in it.
  private static func step(
    _ trainer: Trainer, resolution: Int
  ) throws -> (step: TrainingStep, network: Graph) {
    let recipe = trainer.recipe
    let frozen = try trainer.freeze.paths(in: trainer.network)
    let network = try trainer.network.with(resolution: resolution).graph(
      batch: recipe.batch, mode: .training,
      regularization: Regularization(
        dropout: recipe.dropout, stochasticDepth: recipe.stochasticDepth, frozenNorms: frozen,
        seed: recipe.seed))
    let step = try TrainingStep(
      network,
      StepOptions(
        task: trainer.task, loss: trainer.loss, optimizer: recipe.optimizer, weightDecay: recipe.weightDecay,
        decayExclusions: Set(recipe.decayExclusions), clipNorm: recipe.clipNorm,
        accumulates: recipe.accumulation > 1, averages: recipe.averageDecay != nil,
        rateFactor: LayerRates(decay: recipe.layerDecay ?? 1, network: network).factor,
        isFrozen: { Freeze.covers(frozen, $0.name) }))
    return (step, network)
  }
}
