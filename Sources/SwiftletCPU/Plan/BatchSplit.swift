// BatchSplit.swift: the nodes of a batch that take images one at a time.

import SwiftletGraph

/// The first nodes of a graph, through which images go one at a time.
struct BatchSplit: Sendable {
  /// The number of nodes in the first stage; those after them do all images at once.
  let nodes: Int
  /// Images of the batch.
  let images: Int

  /// The split of a graph, or `nil` where everything is done for all images at once.
  init?(_ graph: Graph, threads: Int) {
    guard let first = graph.inputs.first, graph.updates.isEmpty else { return nil }
    func images(_ value: Value) -> Int {
      let shape = graph.type(of: value).shape
      return shape.rank > 0 ? shape[0] : 1
    }
    let batch = images(first.value)
    // Workers must have about equally much to do.
    guard batch >= 2, batch % threads == 0 || batch >= 4 * threads else { return nil }
    let parameters = Set(graph.parameters.map(\.value))
    func rank(_ value: Value) -> Int { parameters.contains(value) ? 0 : graph.type(of: value).shape.rank }
    guard let last = graph.nodes.lastIndex(where: { $0.inputs.contains { rank($0) == 4 } }) else {
      return nil
    }
    let nodes = graph.nodes[...last]
    func isBatch(_ value: Value) -> Bool { images(value) == batch }
    guard graph.inputs.allSatisfy({ isBatch($0.value) && rank($0.value) == 4 }),
      graph.outputs.allSatisfy({ isBatch($0.value) }),
      nodes.allSatisfy({ node in
        node.outputs.allSatisfy(isBatch) && FastPaths.take(node.operation)
          && node.inputs.allSatisfy { parameters.contains($0) || isBatch($0) }
      })
    else { return nil }
    (self.nodes, self.images) = (last + 1, batch)
  }
}
