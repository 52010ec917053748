// Teacher.swift: a trained network whose logits are the student's targets in distillation.

import SwiftletArchitectures
import SwiftletCore
import SwiftletVision

extension Trainer {
  /// The teacher network of distillation.
  public struct Teacher: Sendable {
    /// The network, of the same classes; at a higher resolution it sees the same images enlarged.
    public var network: NetworkDefinition
    /// Its weights.
    public var parameters: Parameters
    /// The preprocessing of its images; `nil` for the student's.
    public var preprocessing: Preprocessing?
    /// The names of its classes, in its order; `nil` for those of the images.
    public var labels: [String]?

    /// Creates a teacher.
    public init(
      _ network: NetworkDefinition, parameters: Parameters, preprocessing: Preprocessing? = nil,
      labels: [String]? = nil
    ) {
      self.network = network
      self.parameters = parameters
      self.preprocessing = preprocessing
      self.labels = labels
    }

    /// Throws unless its outputs are for the student's classes and its numbers make sense.
    func check(for student: NetworkDefinition, _ inputs: Preprocessing, classes: [String]) throws {
      func refuse(_ what: String, _ own: String, _ other: String) -> TrainingError {
        .unfitTeacher(network: network.name, what: what, teacher: own, student: other)
      }
      let own = network
      guard own.classes == student.classes else {
        throw refuse("number of classes", "\(own.classes)", "\(student.classes)")
      }
      if let labels, let place = zip(labels, classes).enumerated().first(where: { $1.0 != $1.1 }) {
        throw refuse("class \(place.offset + 1)", "'\(place.element.0)'", "'\(place.element.1)'")
      }
      for each in [preprocessing?.scaled(to: own.resolution), inputs].compactMap({ $0 }) {
        _ = try InputWriter(each, [])
      }
    }

    /// A hash of the network, its weights and its preprocessing.
    var digest: String {
      var hash = FowlerNollVo()
      hash.add((try? StableJSON.text(network)) ?? network.name)
      hash.add((try? StableJSON.text(preprocessing)) ?? "")
      for name in parameters.names.sorted() {
        guard let tensor = parameters[name] else { continue }
        hash.add("\(name) \(tensor.scalarType) \(tensor.shape)")
        tensor.withUnsafeBytes { hash.add($0) }
      }
      return hash.text
    }

    /// The conversion of the student's inputs into the teacher's; `nil` where they are the same.
    func inputs(from other: Preprocessing) -> TeacherInputs? {
      var own = (preprocessing ?? other).scaled(to: network.resolution)
      // Framing is over before a batch is made.
      (own.framing, own.filter) = (other.framing, other.filter)
      return own == other ? nil : TeacherInputs(from: other, to: own)
    }
  }
}
