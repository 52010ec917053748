// CPUPlan+Description.swift: a plan as text.

extension CPUPlan: CustomStringConvertible {
  /// The steps as text: their inputs and outputs with arena offsets, and the nodes that they compute.
  package var description: String {
    var lines = [
      "plan \(graph.name): \(steps.count) steps, \(instructionSet.rawValue), "
        + "\(activationBytes) bytes of activations, \(weightBytes) bytes of weights"
    ]
    for stage in stages {
      if stage.isPerImage {
        lines.append("  images one at a time:")
      } else if stages.count > 1 {
        lines.append("  all images:")
      }
      func text(_ value: Value) -> String {
        "\(graph.type(of: value))" + (stage.offsets[value].map { "@\($0)" } ?? "")
      }
      for step in stage.steps {
        let reads = step.reads.map(text).joined(separator: ", ")
        let writes = step.writes.map(text).joined(separator: ", ")
        lines.append("  \(writes) = \(step.name)(\(reads))  # \(step.labels.joined(separator: " + "))")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
