// Head.swift: the protocol of heads, the part after the last stage, and heads of other packages by name.

import SwiftletCore

/// An output of a network: its name and its value.
public struct NetworkOutput: Sendable {
  /// Its name, unique among the network's outputs: ``PortName/logits`` for a classifier's.
  public let name: String
  /// The value.
  public let value: Value

  /// Creates an output.
  public init(_ name: String, _ value: Value) {
    self.name = name
    self.value = value
  }
}

/// The head of a network, the part after the last stage: feature maps → named outputs.
///
/// ``Head`` is the one of classifiers. One of your own is one struct that conforms; register it with
/// ``HeadCatalogue/register(_:)`` before an architecture that has it is saved or read. Parameters that it adds with the
/// layers of ``NetworkBuilder`` are named by the paths that it gives.
public protocol HeadDefinition: Sendable, Hashable, Codable {
  /// The name in files.
  static var name: String { get }
  /// Paths of the head's layers that ``Freeze`` counts to the backbone: all but the layers that are replaced for other classes.
  static var backbonePaths: [String] { get }
  /// Adds the head's operations after the last feature map `x` `[N, H, W, C]`, and gives the network's outputs, the main
  /// one first. Other feature maps are ``NetworkBuilder/tap(_:)``.
  func apply(_ x: Value, in network: inout NetworkBuilder) throws -> [NetworkOutput]
  /// Throws where a number of the head makes no sense, whatever its input; files are checked with it.
  func check() throws
}

extension HeadDefinition {
  public static var backbonePaths: [String] { [] }
  public func check() throws {}
}

/// The heads that files may name.
public enum HeadCatalogue {
  private static let registry = NameRegistry<any HeadDefinition.Type>([(Head.name, Head.self)])

  /// Makes a head of your own known by its name.
  public static func register(_ head: any HeadDefinition.Type) { registry.register(head, as: head.name) }

  /// The head of a name, or `nil`.
  public static func head(named name: String) -> (any HeadDefinition.Type)? { registry[name] }
}

/// A head in a file. A ``Head`` is written as its members, as it was before there were others; others are written as
/// their name and their attributes.
struct StoredHead: Sendable, Hashable, Codable {
  var head: any HeadDefinition

  init(_ head: any HeadDefinition) { self.head = head }

  private enum Key: String, CodingKey { case name, attributes }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    guard container.contains(.name) else {
      head = try Head(from: decoder)
      return
    }
    let name = try container.decode(String.self, forKey: .name)
    guard let type = HeadCatalogue.head(named: name) else { throw ArchitectureError.unknownHead(name) }
    head = try type.init(from: try container.superDecoder(forKey: .attributes))
  }

  func encode(to encoder: any Encoder) throws {
    if let head = head as? Head { return try head.encode(to: encoder) }
    let name = type(of: head).name
    guard let known = HeadCatalogue.head(named: name), known == type(of: head) else {
      throw ArchitectureError.unknownHead(name)
    }
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(name, forKey: .name)
    try head.encode(to: container.superEncoder(forKey: .attributes))
  }

  static func == (a: StoredHead, b: StoredHead) -> Bool { AnyHashable(a.head) == AnyHashable(b.head) }

  func hash(into hasher: inout Hasher) { hasher.combine(AnyHashable(head)) }
}
