// Engine.swift: the backend that models are trained and evaluated on.

import SwiftletCPU
import SwiftletTraining

/// The fast engine as this machine is set up: its instruction set, its measured choices.
public struct Engine: TrainingBackend {
  private let cpu: CPUBackend

  /// Creates the engine.
  ///
  /// - Parameter threads: of each run; those of the processor if `nil`.
  /// - Throws: ``EnvironmentError``, ``Tuning/DamagedFile``.
  public init(threads: Int? = nil) throws {
    var cpu = CPUBackend(threads: threads ?? Processor.count, instructionSet: try InstructionSet.chosen())
    cpu.selection = try Tuning.selection()
    self.cpu = cpu
  }

  public func compile(_ graph: Graph, parameters: Parameters) throws -> any Plan {
    try cpu.compile(graph, parameters: parameters)
  }

  public func makeTrainingSession(_ graph: Graph, parameters: Parameters) throws -> any TrainingSession {
    try cpu.makeTrainingSession(graph, parameters: parameters)
  }
}
