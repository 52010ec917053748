// Graph+Dump.swift: a graph as text, one value a line; goldens compare it, so its form is stable.

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

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
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    guard let data = try? encoder.encode(operation) else { return "" }
    let json = String(decoding: data, as: UTF8.self)
    return json == "{}" ? "" : " " + json.filter { $0 != "\"" }
  }
}
