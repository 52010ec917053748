// Graph+Dot.swift: a graph in Graphviz's language, for a drawing.

import SwiftletCore

extension Graph {
  /// The graph as `dot` of Graphviz draws it: a box for each operation, an arrow with its shape for each value, and a frame around the
  /// operations of each block. Parameters are not drawn.
  public var dot: String {
    var lines = [
      "digraph \(Self.quoted(name)) {",
      "  rankdir=TB; fontname=\"sans-serif\"; style=rounded; color=\"#b0b6c0\"; fontcolor=\"#5a5f69\";",
      "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#eef3fa\", color=\"#0b62a8\", fontname=\"sans-serif\", fontsize=11];",
      "  edge [color=\"#5a5f69\", fontname=\"sans-serif\", fontsize=9];",
    ]
    var source: [Int: String] = [:]
    for (index, port) in inputs.enumerated() {
      source[port.value.id] = "input\(index)"
      lines.append("  input\(index) [label=\(Self.quoted(port.name)), shape=ellipse];")
    }
    var blocks: [(name: String, nodes: [Int])] = []
    for (index, node) in nodes.enumerated() {
      for value in node.outputs { source[value.id] = "node\(index)" }
      let block = Self.block(of: node.label)
      if blocks.last?.name == block {
        blocks[blocks.count - 1].nodes.append(index)
      } else {
        blocks.append((block, [index]))
      }
    }
    for (number, block) in blocks.enumerated() {
      lines.append("  subgraph cluster\(number) { label=\(Self.quoted(block.name));")
      for index in block.nodes {
        let node = nodes[index]
        let path =
          node.label.hasPrefix(block.name + ".")
          ? String(node.label.dropFirst(block.name.count + 1)) : node.label
        let label = [path, Swift.type(of: node.operation).name, Self.short(node.attributes)]
          .filter { !$0.isEmpty }
        lines.append("    node\(index) [label=\(Self.quoted(label.joined(separator: "\n")))];")
      }
      lines.append("  }")
    }
    for (index, node) in nodes.enumerated() {
      for value in node.inputs {
        guard let from = source[value.id] else { continue }
        lines.append("  \(from) -> node\(index) [label=\(Self.quoted(type(of: value).shape.description))];")
      }
    }
    for (index, port) in outputs.enumerated() {
      lines.append("  output\(index) [label=\(Self.quoted(port.name)), shape=ellipse];")
      guard let from = source[port.value.id] else { continue }
      lines.append(
        "  \(from) -> output\(index) [label=\(Self.quoted(type(of: port.value).shape.description))];")
    }
    return lines.joined(separator: "\n") + "\n}\n"
  }

  /// The block of an operation's path: `stages.3.1` of `stages.3.1.depthwise.conv`, `stem` of `stem.conv`.
  private static func block(of label: String) -> String {
    let parts = label.split(separator: ".")
    let count = parts.dropFirst().prefix { $0.allSatisfy(\.isNumber) }.count + 1
    return parts.prefix(count).joined(separator: ".")
  }

  /// `kernel 3, stride 2` of a node's attributes: without padding, and without groups and dilations of 1.
  private static func short(_ attributes: String) -> String {
    var words = attributes.replacing(/padding:\{[^}]*\},?/, with: "").replacing("window:", with: "")
    words.removeAll { "{} ".contains($0) }
    return words.split(separator: ",").filter { $0 != "groups:1" && $0 != "dilation:1" }
      .map { $0.replacing(":", with: " ") }.joined(separator: ", ")
  }

  /// A string of the language. Names may come from files.
  private static func quoted(_ text: String) -> String {
    let escaped = text.unicodeScalars.map { scalar in
      switch scalar {
      case "\"": "\\\""
      case "\\": "\\\\"
      case "\n": "\\n"
      case _ where scalar.value < 32 || scalar.value == 127: "?"
      default: String(scalar)
      }
    }
    return "\"\(escaped.joined())\""
  }
}
