// ClassMatching.swift: the classes of a data set among those of a model.

import SwiftletInference

/// A data set whose classes are not the model's.
public struct EvaluationError: Error, Equatable, CustomStringConvertible {
  public let description: String
}

/// The model's number of each class of a data set.
///
/// Names are compared exactly, then without case, spaces, hyphens and underscores. The classes of ImageNet are also known by
/// their WordNet ids (`n01440764`, `n01440764_tench`) and, where all names are numbers, by their indices (`0`, `0999`), in models with
/// a class "background" before them too.
package struct ClassMatching: Sendable {
  /// The number of each class; `nil` where the model does not know it.
  package let numbers: [Int?]
  /// The names of the model's classes, or those of the data where the model has none.
  package let names: [String]
  /// How classes were matched, where not by their names as they stand.
  package let note: String?

  /// Matches classes.
  ///
  /// - Parameters:
  ///   - classes: the data's.
  ///   - labels: the model's names; fewer than `count` where it has none.
  ///   - count: the number of the model's classes.
  ///   - allowsUnknown: whether classes that the model does not know are left out.
  /// - Throws: ``EvaluationError`` where a class is unknown, or two are the same to the model.
  package init(_ classes: [String], labels: [String], count: Int, allowsUnknown: Bool = false) throws {
    let hasLabels = labels.count == count
    // TensorFlow's networks have a class before those of ImageNet.
    let known = [Labels.imageNet, ["background"] + Labels.imageNet].first { $0.count == count }
    let imageNet = !hasLabels || labels == known ? known : nil
    let before = imageNet.map { $0.count - Labels.imageNet.count } ?? 0
    let synsets = imageNet == nil ? [:] : Self.synsets(classes).mapValues { $0 + before }
    let indices = imageNet == nil ? nil : Self.indices(classes, below: count, before: before)
    guard hasLabels || !synsets.isEmpty || indices != nil else {
      guard classes.count == count else {
        throw EvaluationError(
          description: "the data have \(classes.count) classes, the model has \(count) and no names for them")
      }
      (numbers, names, note) = (Array(0..<count), classes, nil)
      return
    }
    names = hasLabels ? labels : imageNet ?? []
    let exact = Dictionary(zip(names, 0...)) { first, _ in first }
    var loose: [String: Int?] = [:]
    for (number, name) in names.enumerated() {
      // A key of two classes is none.
      let key = Self.key(name)
      loose[key] = loose[key] == nil ? .some(number) : .some(nil)
    }
    var ways: Set<String> = []
    let numbers = classes.enumerated().map { position, name -> Int? in
      if let number = exact[name] { return number }
      if let number = synsets[name] {
        ways.insert("WordNet ids")
        return number
      }
      if let indices {
        ways.insert("indices of ImageNet's classes")
        return indices[position]
      }
      guard let number = loose[Self.key(name)] ?? nil else { return nil }
      ways.insert("names, without case and underscores")
      return number
    }
    if let unknown = numbers.firstIndex(of: nil), !allowsUnknown || numbers.allSatisfy({ $0 == nil }) {
      let some = names.prefix(4).joined(separator: ", ") + (count > 4 ? ", …" : "")
      throw EvaluationError(
        description:
          "the data's class '\(classes[unknown])' is not one of the model's \(count) classes: \(some)"
          + (allowsUnknown ? "" : "; --known-classes leaves such images out"))
    }
    var seen: [Int: String] = [:]
    for (number, name) in zip(numbers, classes) {
      guard let number else { continue }
      if let other = seen.updateValue(name, forKey: number) {
        throw EvaluationError(
          description: "the data's classes '\(other)' and '\(name)' are both the model's '\(names[number])'")
      }
    }
    self.numbers = numbers
    note = ways.isEmpty ? nil : "the data's classes are taken for \(ways.sorted().joined(separator: ", "))"
  }

  /// A name without the differences that people do not see; of synonyms the first.
  private static func key(_ name: String) -> String {
    (name.split(separator: ",").first ?? "").lowercased()
      .split { $0.isWhitespace || $0 == "_" || $0 == "-" || $0 == "'" }.joined(separator: " ")
  }

  /// The classes that begin with a WordNet id.
  private static func synsets(_ classes: [String]) -> [String: Int] {
    let known = Dictionary(zip(Labels.imageNetSynsets, 0...)) { first, _ in first }
    var result: [String: Int] = [:]
    for name in classes {
      let id = name.prefix(9)
      guard let number = known[String(id)], name.dropFirst(9).first.map({ !$0.isNumber }) ?? true else {
        continue
      }
      result[name] = number
    }
    return result
  }

  /// The numbers that all classes are; `nil` where they are not numbers of classes. With a class before ImageNet's they are those of
  /// ImageNet, from 0 to 999, unless there is a 1000.
  private static func indices(_ classes: [String], below count: Int, before: Int) -> [Int]? {
    let numbers = classes.compactMap { name -> Int? in
      guard name.count <= 4, name.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(name) else {
        return nil
      }
      return number < count ? number : nil
    }
    guard numbers.count == classes.count else { return nil }
    return numbers.contains(Labels.imageNet.count) ? numbers : numbers.map { $0 + before }
  }
}
