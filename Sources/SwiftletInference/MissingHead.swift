// MissingHead.swift: models of backbones: the last layers that a file lacked.

import SwiftletArchitectures
import SwiftletCPU
import SwiftletCore
import SwiftletGraph
import SwiftletVision
import SwiftletWeights

/// The last layers of a network that a file lacked. The model has seeded values in their place: it gives features, and training
/// starts from it, but it does not classify.
package struct MissingHead: Sendable, Hashable, Codable {
  /// The names of the parameters.
  package let parameters: [String]
  /// The file, and the names that it lacks, in one line.
  package let description: String
}

extension Model {
  /// The key of the missing parameters in the metadata of our files.
  static let missingKey = "swiftlet.missing"

  /// The same model, whose parameters `missingHead` are not the file's.
  package func with(missingHead: MissingHead?) -> Model {
    var copy = self
    copy.missingHead = missingHead
    return copy
  }

  /// Throws where the model has no classifier.
  ///
  /// - Throws: ``ModelError/noClassifier(description:)``.
  package func checkHasClassifier() throws {
    if let missingHead { throw ModelError.noClassifier(description: missingHead.description) }
  }

  /// Whether a parameter's value is the file's, and not a seeded one in its place.
  package func has(_ parameter: String) -> Bool {
    missingHead.map { !$0.parameters.contains(parameter) } ?? true
  }

  /// The model up to its feature vector: without hidden layers where the file lacked them.
  ///
  /// - Throws: ``ArchitectureError``, ``GraphError``.
  func backbone() throws -> Model {
    guard let missingHead, missingHead.parameters.contains(where: { $0.hasPrefix("head.hidden") }),
      var architecture, var head = architecture.head as? Head
    else { return self }
    head.hidden = []
    architecture.head = head
    var parameters = Parameters()
    for spec in try architecture.graph().parameters {
      let own = self.parameters[spec.name]
      parameters[spec.name] = own?.shape == spec.shape ? own : try spec.initialTensor(seed: 1)
    }
    return try Model(architecture, parameters: parameters, preprocessing: preprocessing, labels: [])
  }
}
