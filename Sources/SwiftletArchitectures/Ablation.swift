// Ablation.swift: a network of the zoo with changes, written behind its name: `mobilenet_v2@0.5:160+relu+no-shortcut`.

import SwiftletCore

/// One change of a network's table: the ablations of the papers.
public enum Ablation: Sendable, Hashable {
  /// Another non-linearity in every block that has a choice.
  case activation(ActivationFunction)
  /// Squeeze-and-excite of this reduction in every block that may have one (arXiv 1709.01507, Table 10); `nil` for none.
  case squeeze(reduction: Int?)
  /// No block has a shortcut (arXiv 1801.04381, figure 6b).
  case noShortcut
  /// The projection of an inverted residual has the block's non-linearity: no linear bottleneck (arXiv 1801.04381, figure 6a).
  case nonlinear
  /// Another factor of expansion (arXiv 1801.04381, section 4).
  case expand(Int)
  /// The first strides are 1, as many of them as the product of all needs to be this: a network made for large images then sees small
  /// ones at a scale that it knows. All weights keep their shapes.
  case totalStride(Int)

  /// The word behind a `+`: an activation's name, `no-squeeze`, `squeeze=16`, `no-shortcut`, `nonlinear`, `expand=4`,
  /// `total-stride=8`.
  ///
  /// - Throws: ``ArchitectureError/unknownChange(_:)``.
  public init(_ text: String) throws {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let number = parts.count == 2 ? Int(parts[1]) : nil
    let names = ["h-swish": ActivationFunction.hardSwish, "h-sigmoid": .hardSigmoid]
    switch (parts[0], parts.count, number) {
    case ("no-squeeze", 1, _): self = .squeeze(reduction: nil)
    case ("squeeze", 2, let number?): self = .squeeze(reduction: number)
    case ("no-shortcut", 1, _): self = .noShortcut
    case ("nonlinear", 1, _): self = .nonlinear
    case ("expand", 2, let number?): self = .expand(number)
    case ("total-stride", 2, let number?): self = .totalStride(number)
    default:
      guard parts.count == 1, let function = names[text] ?? ActivationFunction(rawValue: text) else {
        throw ArchitectureError.unknownChange(text)
      }
      self = .activation(function)
    }
  }
}

/// A block that some ablations change.
protocol AblatableBlock: BlockDefinition {
  /// Applies a change, and gives whether the block has what it changes.
  mutating func apply(_ ablation: Ablation) -> Bool
}

extension Architecture {
  /// The architecture with a change in every block that has what it changes; an activation is that of the head's layers too.
  ///
  /// - Throws: ``ArchitectureError/noSuchPart(_:network:)`` where no block has it.
  public func applying(_ ablation: Ablation, named name: String) throws -> Architecture {
    if case .totalStride(let stride) = ablation { return try with(totalStride: stride, named: name) }
    var result = self
    var isChanged = false
    func changed(_ row: Row) -> Row {
      guard var block = row.block as? any AblatableBlock else { return row }
      if block.apply(ablation) { isChanged = true }
      return Row(block, repeats: row.repeats)
    }
    result.stem = stem.map(changed)
    result.stages = stages.map { $0.map(changed) }
    if case .activation(let function) = ablation, var head = head as? Head {
      head.activation = function
      result.head = head
    }
    guard isChanged else { throw ArchitectureError.noSuchPart(name, network: self.name) }
    return result
  }
}

extension Architecture {
  /// The architecture whose first strides are 1, so that the product of all is `stride`.
  private func with(totalStride stride: Int, named name: String) throws -> Architecture {
    var result = self
    var rest = totalStride
    func changed(_ row: Row) -> Row {
      guard stride > 0, rest > stride, row.block.stride > 1 else { return row }
      var row = row
      rest /= row.block.stride
      row.block.stride = 1
      return row
    }
    result.stem = stem.map(changed)
    result.stages = stages.map { $0.map(changed) }
    guard rest == stride, rest != totalStride else {
      throw ArchitectureError.noSuchPart(name, network: self.name)
    }
    return result
  }
}

extension Zoo {
  /// The name of a network without the changes behind it.
  public static func plainName(_ name: String) -> String { String(name.prefix { $0 != "@" && $0 != "+" }) }

  /// The network of a name with changes behind it: `@α`, `:pixels`, and a `+` before each ablation.
  static func variant(_ text: String, _ options: ZooOptions) throws -> Architecture {
    let changes = text.split(separator: "+", omittingEmptySubsequences: false).map(String.init)
    let head = changes[0]
    let name = plainName(head)
    var options = options
    if let at = head.firstIndex(of: "@") {
      let parts = head[head.index(after: at)...].split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count <= 2, let width = Double(parts[0]) else {
        throw ArchitectureError.unknownChange(head)
      }
      options.width = width
      if parts.count == 2 {
        guard let pixels = Int(parts[1]) else { throw ArchitectureError.unknownChange(head) }
        options.resolution = pixels
      }
    }
    var architecture = try entry(named: name).architecture(options)
    for change in changes.dropFirst() {
      architecture = try architecture.applying(Ablation(change), named: change)
    }
    if changes.count > 1 { architecture.name = ([name] + changes.dropFirst()).joined(separator: "+") }
    try architecture.check()
    return architecture
  }
}
