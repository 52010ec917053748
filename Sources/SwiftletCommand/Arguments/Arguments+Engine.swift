// Arguments+Engine.swift: the engine as the command line, the environment and the measured choices set it up.

import SwiftletModules

extension Arguments {
  /// The engine of a run.
  ///
  /// - Parameters:
  ///   - threads: of each run; `--threads`, else all processors, if `nil`.
  ///   - halfWeights: whether packed weights are kept in half precision.
  /// - Throws: ``EnvironmentError`` where `SWIFTLET_ISA` names kernels that this machine does not have,
  ///   ``Tuning/DamagedFile``, ``UsageError``.
  func engine(threads: Int? = nil, halfWeights: Bool = false) throws -> CPUBackend {
    let count = try threads ?? self.threads() ?? AvailableProcessors.count
    var engine = CPUBackend(threads: count, instructionSet: try InstructionSet.chosen())
    engine.weightPrecision = halfWeights ? .half : .single
    engine.selection = try Tuning.selection()
    return engine
  }
}
