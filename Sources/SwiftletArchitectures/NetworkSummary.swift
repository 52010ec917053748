// NetworkSummary.swift: the paper's table with the cost of each row.

/// The table of a network with output shapes, parameters and multiply-adds; `summary --json` prints it.
public struct NetworkSummary: Sendable, Codable, Hashable {
  /// A row of the paper's table.
  public struct Row: Sendable, Codable, Hashable {
    /// The row's operator, such as `bottleneck 3×3`.
    public var `operator`: String
    /// Expansion, as a factor (V2) or in channels (V3).
    public var expand: String?
    /// Output channels at α = 1, as in the paper.
    public var channels: Int?
    /// n: the number of repeats of the block.
    public var repeats: Int
    /// The stride of the first block.
    public var stride: Int?
    /// Squeeze-and-excite.
    public var squeeze: String?
    /// The non-linearity.
    public var activation: String?
    /// The non-linearity of the projection: `linear`, for the blocks that have one.
    public var projection: String?
    /// The number of blocks with a shortcut.
    public var shortcuts: Int
    /// `[N, H, W, C]` or `[N, C]`.
    public var input: Shape, output: Shape
    /// Trainable parameters, and multiply-adds of convolutions and linear layers.
    public var parameters: Int, multiplyAdds: Int
  }

  /// One operation of the graph.
  public struct Layer: Sendable, Codable, Hashable {
    /// Its path.
    public var label: String
    /// Its operation.
    public var operation: String
    /// The shape of its result.
    public var output: Shape
    /// Trainable parameters, multiply-adds, and results computed elementwise.
    public var parameters: Int, multiplyAdds: Int, elementwise: Int
  }

  /// The network.
  public var name: String
  /// The source whose conventions it follows; `nil` for a graph.
  public var dialect: Dialect?
  /// α; `nil` for a graph.
  public var width: Double?
  /// Pixels a side, and classes.
  public var resolution: Int, classes: Int
  /// Trainable parameters.
  public var parameters: Int
  /// Multiply-adds of convolutions and linear layers, for one image: the papers' MAdds.
  public var multiplyAdds: Int
  /// Multiplications of squeeze-and-excite gates, which SENet's tables count and MobileNet's do not.
  public var gateMultiplies: Int
  /// The most bytes that activations take when operations run one at a time, in 32-bit floats.
  public var peakActivationBytes: Int
  /// The table; empty for a graph.
  public var rows: [Row]
  /// Every operation, where layers are listed.
  public var layers: [Layer]?
}

extension Architecture {
  /// The network's table with costs.
  ///
  /// - Parameter layers: whether to list every operation too.
  /// - Throws: ``ArchitectureError`` or ``GraphError``.
  public func summary(layers: Bool = false) throws -> NetworkSummary {
    let network = try network()
    let graph = network.graph
    let costs = graph.nodes.map { graph.cost(of: $0) }
    let rows = network.rows.map { row in
      NetworkSummary.Row(
        operator: row.columns.name, expand: row.columns.expand, channels: row.columns.channels,
        repeats: row.repeats, stride: row.columns.stride, squeeze: row.columns.squeeze,
        activation: row.columns.activation, projection: row.columns.projection,
        shortcuts: graph.nodes[row.nodes].count { $0.operation is Add }, input: row.input, output: row.output,
        parameters: graph.parameters[row.parameters].reduce(0) {
          $0 + ($1.role.isTrainable ? $1.shape.count : 0)
        },
        multiplyAdds: costs[row.nodes].reduce(0) { $0 + $1.multiplyAdds })
    }
    var summary = NetworkSummary(
      graph, resolution: resolution, classes: classes, layers: layers ? costs : nil)
    (summary.dialect, summary.width, summary.rows) = (dialect, width, rows)
    return summary
  }
}

extension NetworkDefinition {
  /// The network's table with costs; a graph has layers only.
  ///
  /// - Parameter layers: whether to list every operation too.
  /// - Throws: ``ArchitectureError`` or ``GraphError``.
  public func summary(layers: Bool = false) throws -> NetworkSummary {
    switch self {
    case .architecture(let architecture): return try architecture.summary(layers: layers)
    case .graph(let graph):
      let single = try graph.rebatched(to: 1)
      return NetworkSummary(
        single, resolution: resolution, classes: classes, layers: single.nodes.map { single.cost(of: $0) })
    }
  }
}

extension NetworkSummary {
  /// The summary of a graph without a table; `layers` are its nodes' costs where they are listed.
  fileprivate init(_ graph: Graph, resolution: Int, classes: Int, layers: [Cost]?) {
    self.init(
      name: graph.name, dialect: nil, width: nil, resolution: resolution, classes: classes,
      parameters: graph.parameterCount, multiplyAdds: graph.multiplyAdds,
      gateMultiplies: graph.nodes.reduce(0) {
        $0 + ($1.operation is ChannelScale ? graph.type(of: $1.outputs[0]).shape.count : 0)
      },
      peakActivationBytes: graph.peakActivationBytes, rows: [],
      layers: layers.map { costs in
        zip(graph.nodes, costs).map { node, cost in
          Layer(
            label: node.label, operation: type(of: node.operation).name,
            output: graph.type(of: node.outputs[0]).shape, parameters: cost.parameters,
            multiplyAdds: cost.multiplyAdds, elementwise: cost.elementwise)
        }
      })
  }
}
