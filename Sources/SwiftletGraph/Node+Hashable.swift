// Node+Hashable.swift: the equality of nodes, and so of graphs.

extension Node: Hashable {
  public static func == (a: Node, b: Node) -> Bool {
    a.label == b.label && AnyHashable(a.operation) == AnyHashable(b.operation) && a.inputs == b.inputs
      && a.outputs == b.outputs
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(label)
    hasher.combine(AnyHashable(operation))
    hasher.combine(inputs)
    hasher.combine(outputs)
  }
}
