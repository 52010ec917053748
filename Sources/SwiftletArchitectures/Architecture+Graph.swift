// Architecture+Graph.swift: from the table to the graph.

/// A graph together with the rows of the table that its nodes came from.
public struct Network: Sendable {
  /// The network's graph: input `image` `[N, R, R, 3]`, output `logits` `[N, classes]`.
  public let graph: Graph
  /// The rows, in order.
  let rows: [BuiltRow]
}

/// What became of a row of the table.
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
  /// The input is `image` `[batch, resolution, resolution, 3]`, the output `logits` `[batch, classes]`. In training
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
  public func network(
    batch: Int = 1, mode: Mode = .inference, regularization: Regularization = Regularization()
  ) throws -> Network {
    try check()
    var network = NetworkBuilder(
      name: name, conventions: conventions, width: width, mode: mode, regularization: regularization)
    let blocks = (stem + stages.flatMap { $0 }).reduce(0) { $0 + $1.repeats }
    var built = 0
    var rows: [BuiltRow] = []
    var x = network.graph.input("image", TensorType([batch, resolution, resolution, 3]))

    func record(
      _ columns: TableColumns, repeats: Int = 1, _ body: (inout NetworkBuilder) throws -> Void
    ) throws {
      let input = network.shape(x)
      let (nodes, parameters) = (network.graph.graph.nodes.count, network.graph.graph.parameters.count)
      try body(&network)
      rows.append(
        BuiltRow(
          columns: columns, repeats: repeats, input: input, output: network.shape(x),
          nodes: nodes..<network.graph.graph.nodes.count,
          parameters: parameters..<network.graph.graph.parameters.count))
    }
    func add(_ group: [Row], _ scope: String) throws {
      var index = 0
      for row in group {
        try record(row.block.columns, repeats: row.repeats) { network in
          for block in row.blocks {
            built += 1
            network.depth = Double(built) / Double(max(blocks, 1))
            x = try network.scope("\(scope).\(index)") { try block.apply(x, in: &$0) }
            if block.channels > 0 { network.nominalInput = block.channels }
            index += 1
          }
        }
      }
    }

    network.scaling = conventions.stem
    try add(stem, "stem")
    network.scaling = .always
    for (index, stage) in stages.enumerated() { try add(stage, "stages.\(index)") }

    if head.features > 0 {
      try record(
        TableColumns("conv 1×1", channels: head.features, stride: 1, activation: head.activation)
      ) { network in
        x = try network.convolution(
          x, "head.features", channels: network.scaled(head.features, head.featuresScaling), kernel: 1,
          activation: head.activation)
      }
    }
    try record(head.pool.columns) { network in
      switch head.pool {
      case .global: x = try network.scope("head") { try $0.globalPool(x) }
      case .flatten(let size): x = try network.scope("head") { try $0.flatten(x, pooledTo: size) }
      }
    }
    for (index, units) in head.hidden.enumerated() {
      try record(TableColumns("linear", channels: units, activation: head.activation)) { network in
        x = try network.linear(
          x, "head.hidden.\(index)", units: network.scaled(units, conventions.head),
          activation: head.activation)
        x = try network.dropout(x, rate: head.dropout)
      }
    }
    try record(TableColumns("linear", channels: classes)) { network in
      if head.hidden.isEmpty { x = try network.dropout(x, rate: head.dropout) }
      x = try network.linear(x, "classifier", units: classes)
    }
    network.graph.output("logits", x)
    return Network(graph: try network.graph.finish(), rows: rows)
  }
}

extension Head.Pool {
  fileprivate var columns: TableColumns {
    switch self {
    case .global: TableColumns("global average pool")
    case .flatten(let size): TableColumns("pool to \(size)×\(size), flatten")
    }
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
    var network = NetworkBuilder(name: Self.name, conventions: conventions, width: 1, mode: mode)
    let x = network.graph.input("image", TensorType(input))
    network.nominalInput = input[-1]
    let y = try network.scope("stages.0.0") { try apply(x, in: &$0) }
    network.graph.output("features", y)
    return try network.graph.finish()
  }
}
