// Architecture+Graph.swift: from the table to the graph.

/// A graph together with the rows of the table that its nodes came from.
package struct Network: Sendable {
  /// The network's graph: input `image` `[N, R, R, 3]`, outputs those of the head, then the taps.
  package let graph: Graph
  /// The rows, in order.
  let rows: [BuiltRow]
}

/// A row of the table as it was built: its shapes, nodes and parameters.
struct BuiltRow: Sendable {
  let columns: TableColumns
  let repeats: Int
  let input: Shape, output: Shape
  /// Indices of its nodes and parameters in the graph.
  let nodes: Range<Int>, parameters: Range<Int>
}

extension Architecture {
  /// The network's graph.
  ///
  /// The input is `image` `[batch, resolution, resolution, 3]`. The outputs are those of the head, of a classifier
  /// `logits` `[batch, classes]`, and then one for each of ``taps``. In training
  /// there is a further input before it, `step` (a scalar that decides dropout), and the updates are the new running
  /// statistics.
  ///
  /// - Throws: ``ArchitectureError``, or ``GraphError`` where the table's rows do not fit together.
  public func graph(
    batch: Int = 1, mode: Mode = .inference, regularization: Regularization = Regularization()
  ) throws -> Graph {
    try network(batch: batch, mode: mode, regularization: regularization).graph
  }

  /// The graph with the rows that its nodes came from.
  ///
  /// - Throws: ``ArchitectureError``, or ``GraphError`` where the table's rows do not fit together.
  package func network(
    batch: Int = 1, mode: Mode = .inference, regularization: Regularization = Regularization()
  ) throws -> Network {
    try check()
    var network = NetworkBuilder(
      name: name, conventions: conventions, width: width, classes: classes, mode: mode,
      regularization: regularization)
    let blocks = (stem + stages.flatMap { $0 }).reduce(0) { $0 + $1.repeats }
    var built = 0
    var x = network.graph.input(PortName.image, TensorType([batch, resolution, resolution, 3]))

    func add(_ group: [Row], _ scope: String) throws {
      var index = 0
      for row in group {
        x = try network.row(row.block.columns, repeats: row.repeats, of: x) { x, network in
          var x = x
          for block in row.blocks {
            built += 1
            network.depth = Double(built) / Double(max(blocks, 1))
            x = try network.scope("\(scope).\(index)") { try block.apply(x, in: &$0) }
            if block.channels > 0 { network.nominalInput = block.channels }
            index += 1
          }
          return x
        }
      }
    }

    network.scaling = conventions.stem
    try add(stem, "stem")
    network.scaling = .always
    for (index, stage) in stages.enumerated() { try add(stage, "stages.\(index)") }
    for output in try network.apply(head, to: x) { network.graph.output(output.name, output.value) }
    for path in taps { network.graph.output(path, try network.tap(path)) }
    return Network(graph: try network.graph.finish(), rows: network.rows)
  }
}

extension BlockDefinition {
  /// The block alone, as the first block of a network would be (`stages.0.0.…`): for trying a new block out.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, C]`.
  ///   - conventions: padding, ε and the like.
  ///   - mode: inference or training.
  /// - Throws: ``GraphError`` where the block does not fit the input.
  public func graph(input: Shape, conventions: Conventions, mode: Mode = .inference) throws -> Graph {
    var network = NetworkBuilder(
      name: Self.name, conventions: conventions, width: 1, classes: 1, mode: mode)
    let x = network.graph.input(PortName.image, TensorType(input))
    network.nominalInput = input[-1]
    let y = try network.scope("stages.0.0") { try apply(x, in: &$0) }
    network.graph.output("features", y)
    return try network.graph.finish()
  }
}
