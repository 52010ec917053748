// Graph+Dump.swift: a graph as text, one value a line; goldens compare it, so its form is stable.

import SwiftletCore

extension Graph: CustomStringConvertible {
  /// The whole graph: inputs, parameters, nodes with attributes and types, outputs.
  public var description: String {
    var lines = ["graph \(name)"]
    for port in inputs { lines.append("  \(text(port.value)) = input \(port.name)") }
    for spec in parameters {
      lines.append("  \(text(spec.value)) = parameter \(spec.name) (\(spec.role.rawValue))")
    }
    for node in nodes {
      let results = node.outputs.map(text).joined(separator: ", ")
      let operands = node.inputs.map { "%\($0.id)" }.joined(separator: ", ")
      lines.append(
        "  \(results) = \(Swift.type(of: node.operation).name)(\(operands))\(node.attributes)  # \(node.label)"
      )
    }
    for port in outputs { lines.append("  output \(port.name) = %\(port.value.id)") }
    for port in updates { lines.append("  update \(port.name) = %\(port.value.id)") }
    return lines.joined(separator: "\n") + "\n"
  }

  private func text(_ value: Value) -> String { "%\(value.id): \(type(of: value))" }
}

extension Node {
  /// The operation's stored properties, as sorted JSON without the quotes; empty where it has none.
  var attributes: String {
    guard let json = try? StableJSON.text(operation) else { return "" }
    return json == "{}" ? "" : " " + json.filter { $0 != "\"" }
  }
}
