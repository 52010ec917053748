// MultiLabelEvaluation.swift: the result of an evaluation on images of any number of classes each.

import SwiftletData

/// The result of an evaluation on images of any number of classes each.
public struct MultiLabelEvaluation: Codable, Equatable {
  /// The result for one class.
  public struct ClassResult: Sendable, Codable, Equatable {
    /// The class.
    public var name: String
    /// The number of images with the class, and the number in which it was found.
    public var count: Int, found: Int
    /// The number of images with the class in which it was found.
    public var right: Int
    /// Average precision; `nil` where the class is on no image.
    public var averagePrecision: Double?

    init(name: String, decisions: [(isFound: Bool, isPresent: Bool)], averagePrecision: Double?) {
      self.name = name
      count = decisions.count { $0.isPresent }
      found = decisions.count { $0.isFound }
      right = decisions.count { $0.isFound && $0.isPresent }
      self.averagePrecision = averagePrecision
    }

    /// The share of right ones among the images on which it was found; `nil` where there are none.
    public var precision: Double? { found == 0 ? nil : Double(right) / Double(found) }
    /// The share of found ones among the images that it is on; `nil` where there are none.
    public var recall: Double? { count == 0 ? nil : Double(right) / Double(count) }
    /// The harmonic mean of both; 0 where nothing is right.
    public var f1: Double { right == 0 ? 0 : 2 * Double(right) / Double(count + found) }
  }

  /// A wrong decision: a class that is on an image and was not found, or was found and is not.
  public struct Miss: Sendable, Codable, Equatable {
    /// The image's index in the data set, and its name there.
    public var index: Int, name: String
    /// The class, and whether it is on the image.
    public var label: Int, isPresent: Bool
    /// The probability that the network gave it.
    public var probability: Double
  }

  /// The names of the classes.
  public var classes: [String]
  /// The number of images.
  public var count: Int
  /// Mean cross-entropy over images and classes.
  public var loss: Double
  /// The share of right decisions over images and classes.
  public var accuracy: Double
  /// The probability from which on a class counts as found.
  public var threshold: Double
  /// The result for each class.
  public var perClass: [ClassResult]
  /// Wrong decisions, the most confident first, 100 at most.
  public var misses: [Miss]
  /// Images that could not be read.
  public var skipped: [SkippedFile]

  /// The mean of the average precision over the classes that are on some image.
  public var meanAveragePrecision: Double {
    let values = perClass.compactMap(\.averagePrecision)
    return values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
  }

  /// F1 of all decisions together.
  public var microF1: Double {
    let (right, all) = perClass.reduce((0, 0)) { ($0.0 + $1.right, $0.1 + $1.count + $1.found) }
    return all == 0 ? 0 : 2 * Double(right) / Double(all)
  }

  /// The mean of F1 over all classes.
  public var macroF1: Double {
    perClass.isEmpty ? 0 : perClass.map(\.f1).reduce(0, +) / Double(perClass.count)
  }
}

extension MultiLabelEvaluation: TaskEvaluation {
  public var score: Double { meanAveragePrecision }
  public var metrics: [String: Double] {
    ["map": meanAveragePrecision, "f1_micro": microF1, "f1_macro": macroF1]
  }
  public var shownImages: [Int] { misses.prefix(EvaluationSections.mostPictures).map(\.index) }
  public var summary: String {
    "mAP \(Format.fixed(100 * meanAveragePrecision, 2)) % on \(Format.grouped(count)) images"
  }

  public var lead: String {
    "it has a mean average precision of \(Format.percent(meanAveragePrecision, 2)), and decides "
      + "\(Format.percent(accuracy, 2)) of all pairs of image and class correctly"
  }

  public var figures: [(name: String, value: String, detail: String)] {
    [
      ("mAP", Format.percent(meanAveragePrecision, 2), "on \(Format.grouped(count)) images"),
      ("Micro F1", Format.percent(microF1, 2), "at a threshold of \(Format.significant(threshold))"),
      ("Macro F1", Format.percent(macroF1, 2), "the mean over classes"),
      ("Loss", Format.fixed(loss, 3), "mean cross-entropy"),
    ]
  }

  public func sections(thumbnails: [Int: RGBImage]) -> [ReportSection] {
    let page = MultiLabelSections(evaluation: self, thumbnails: thumbnails)
    return [
      ReportSection(id: "classes", title: "Classes", body: page.classes()),
      ReportSection(id: "misses", title: "Worst misses", body: page.misses()),
    ]
  }
}
