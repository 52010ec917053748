// EvaluationSections.swift: a report's sections on an evaluation: confusion, classes, mistakes.

import SwiftletData

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The parts of the page that come from an evaluation.
struct EvaluationSections {
  private let evaluation: Evaluation
  private let thumbnails: [Int: RGBImage]
  private let classes: [String]
  /// `counts[class][prediction]`: square, and without values that cannot be counts, whatever the evaluation held.
  private let counts: [[Int]]
  /// Images of each class, and images with it as the prediction.
  private let support: [Int], predicted: [Int]

  init(evaluation: Evaluation, thumbnails: [Int: RGBImage]) {
    self.evaluation = evaluation
    self.thumbnails = thumbnails
    classes = Self.readable(evaluation.classes)
    let size = classes.count
    let counts = (0..<size).map { row in
      let values = row < evaluation.confusion.count ? evaluation.confusion[row] : []
      return (0..<size).map { $0 < values.count ? max(0, min(values[$0], 1 << 32)) : 0 }
    }
    self.counts = counts
    support = counts.map { $0.reduce(0, +) }
    predicted = (0..<size).map { column in counts.reduce(0) { $0 + $1[column] } }
  }

  /// A class without a name can still be pointed at.
  static func readable(_ classes: [String]) -> [String] {
    classes.map { name in name.contains { !$0.isWhitespace } ? name : "(no name)" }
  }

  private func name(_ index: Int) -> String {
    classes.indices.contains(index) ? classes[index] : "class \(index)"
  }

  private func share(_ row: Int, _ column: Int) -> Double {
    support[row] == 0 ? 0 : Double(counts[row][column]) / Double(support[row])
  }

  /// The largest share of a class that is taken for one other class.
  private var largestMistake: Double {
    classes.indices.map { row in classes.indices.map { $0 == row ? 0 : share(row, $0) }.max() ?? 0 }.max()
      ?? 0
  }

  // MARK: Confusion

  func confusion() -> String {
    guard support.contains(where: { $0 > 0 }) else { return "" }
    return classes.count <= 30 ? matrix() : heatMap() + pairs()
  }

  private func matrix() -> String {
    let dense = classes.count > 12
    let scale = largestMistake
    let heads = classes.map {
      "<th scope=\"col\" title=\"\(HTML.text($0))\"><span>\(HTML.short($0, 18))</span></th>"
    }
    let rows = classes.indices.map { row in
      let cells = classes.indices.map { column in
        cell(
          row, column, depth: row == column ? share(row, column) : scale > 0 ? share(row, column) / scale : 0)
      }
      let head = "<th scope=\"row\" title=\"\(HTML.text(classes[row]))\">\(HTML.short(classes[row], 18))</th>"
      return "<tr>\(head)\(cells.joined())</tr>"
    }
    var caption =
      "Rows are what an image shows, columns what it was taken for. Blue: right, darker for a larger share of the class."
    if scale > 0 { caption += " Orange: wrong; the darkest is \(Format.percent(scale)) of a class." }
    return HTML.table(
      caption: caption, kind: dense ? "matrix dense" : "matrix",
      header:
        "<thead><tr><td><span class=\"corner\">shown ↓ taken for →</span></td>\(heads.joined())</tr></thead>",
      rows: rows)
  }

  /// Colors of a depth at which neither dark nor white digits are readable are passed over.
  private func cell(_ row: Int, _ column: Int, depth: Double) -> String {
    let count = counts[row][column]
    guard count > 0 else { return "<td class=\"zero\">·</td>" }
    let isDeep = depth > 0.72
    let strength = isDeep ? 0.92 + (depth - 0.72) * 0.28 : max(0.07, depth)
    let kind = (row == column ? "right" : "wrong") + (isDeep ? " deep" : "")
    let words =
      row == column
      ? "\(classes[row]): \(count) right" : "\(classes[row]) taken for \(classes[column]): \(count)"
    return
      "<td class=\"\(kind)\" style=\"--a:\(Format.fixed(strength, 2))\" title=\"\(HTML.text(words))\">\(count)</td>"
  }

  /// A pixel for a pair of classes, once for each theme. Roots, so that rare mistakes can be seen.
  private func heatMap() -> String {
    guard classes.count <= 1500 else { return "" }
    let scale = largestMistake
    func picture(ground: [Double], right: [Double], wrong: [Double]) -> String? {
      var pixels: [UInt8] = []
      pixels.reserveCapacity(3 * classes.count * classes.count)
      for row in classes.indices {
        for column in classes.indices {
          let amount =
            row == column ? share(row, column) : scale > 0 ? (share(row, column) / scale).squareRoot() : 0
          for channel in 0..<3 {
            let color = row == column ? right[channel] : wrong[channel]
            pixels.append(UInt8(max(0, min(255, ground[channel] + (color - ground[channel]) * amount))))
          }
        }
      }
      return (try? RGBImage(width: classes.count, height: classes.count, pixels: pixels)).flatMap(
        Self.dataURI)
    }
    guard
      let light = picture(ground: [255, 255, 255], right: [11, 98, 168], wrong: [196, 78, 0]),
      let dark = picture(ground: [27, 30, 35], right: [86, 165, 240], wrong: [255, 140, 66])
    else { return "" }
    let (first, last) = (HTML.short(name(0), 24), HTML.short(name(classes.count - 1), 24))
    var cells = ""
    let used = counts.reduce(0) { $0 + $1.lazy.filter { $0 > 0 }.count }
    if used <= 20_000 {
      var list: [String] = []
      for row in classes.indices {
        for column in classes.indices where counts[row][column] > 0 {
          list.append("\(row * classes.count + column):\(counts[row][column])")
        }
      }
      // Names are one a line: they hold no line breaks in the attribute.
      let names = classes.map { $0.split(whereSeparator: \.isNewline).joined(separator: " ") }
      cells =
        " data-cells=\"\(list.joined(separator: " "))\" data-names=\"\(HTML.text(names.joined(separator: "\n")))\""
    }
    return """
      <figure class="heat"\(cells)>
      <figcaption><p>A dot for each pair of \(classes.count) classes: rows are what an image shows, columns what it was taken
      for, in the same order from <b>\(first)</b> to <b>\(last)</b>. Blue on the diagonal is right; orange is wrong\(scale > 0
        ? ", the brightest \(Format.percent(scale)) of a class" : "").</p></figcaption>
      <p class="readout">\(cells.isEmpty ? "" : "Point at a dot to read it.")</p>
      <picture><source media="(prefers-color-scheme: dark)" srcset="\(dark)"/><img src="\(light)" alt="Heat map of the confusion of \(classes.count) classes; the table of pairs that follows says the largest mistakes."/></picture>
      </figure>
      """
  }

  private func pairs() -> String {
    var pairs: [(row: Int, column: Int)] = []
    for row in classes.indices {
      for column in classes.indices where row != column && counts[row][column] > 0 {
        pairs.append((row, column))
      }
    }
    guard !pairs.isEmpty else { return "<p>No image was taken for another class.</p>" }
    pairs.sort {
      (-counts[$0.row][$0.column], -share($0.row, $0.column), $0.row, $0.column)
        < (-counts[$1.row][$1.column], -share($1.row, $1.column), $1.row, $1.column)
    }
    let rows = pairs.prefix(20).map { row, column in
      "<tr><th scope=\"row\">\(HTML.text(classes[row]))</th><td>\(HTML.text(classes[column]))</td>"
        + HTML.number(Format.grouped(counts[row][column]))
        + Self.bar(share(row, column), "wrong") + "</tr>"
    }
    return HTML.table(
      caption: "The \(rows.count) most confused pairs, of \(Format.grouped(pairs.count)).", kind: "bars",
      header: HTML.header(["Shown", "Taken for", "#Count", "#Of the class"]), rows: rows)
  }

  /// A cell with a share and a bar as long.
  static func bar(_ share: Double?, _ kind: String = "right") -> String {
    guard let share else { return HTML.number(nil) }
    let width = Format.fixed(max(0, min(1, share)) * 100, 1)
    return "<td class=\"n bar \(kind)\" style=\"--w:\(width)%\"><span>\(Format.percent(share))</span></td>"
  }

  // MARK: Classes

  private struct ClassFigures {
    var index: Int
    var precision: Double?, recall: Double?, f1: Double?
  }

  func classes(collapsedAfter limit: Int = 30) -> String {
    guard !classes.isEmpty else { return "" }
    func ratio(_ part: Int, _ whole: Int) -> Double? { whole == 0 ? nil : Double(part) / Double(whole) }
    var figures = classes.indices.map { index in
      ClassFigures(
        index: index, precision: ratio(counts[index][index], predicted[index]),
        recall: ratio(counts[index][index], support[index]),
        f1: support[index] == 0 ? nil : ratio(2 * counts[index][index], support[index] + predicted[index]))
    }
    figures.sort { ($0.f1 ?? 2, $0.index) < ($1.f1 ?? 2, $1.index) }
    let rows = figures.map { figure in
      "<tr><th scope=\"row\">\(HTML.text(classes[figure.index]))</th>"
        + HTML.number(Format.grouped(support[figure.index]))
        + Self.bar(figure.precision) + Self.bar(figure.recall) + Self.bar(figure.f1) + "</tr>"
    }
    func mean(_ value: (ClassFigures) -> Double?) -> Double? {
      let values = figures.filter { support[$0.index] > 0 }.compactMap(value)
      return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }
    let footer =
      "<tfoot><tr><th scope=\"row\">Mean over classes</th>"
      + HTML.number(Format.grouped(support.reduce(0, +)))
      + Self.bar(mean(\.precision)) + Self.bar(mean(\.recall)) + Self.bar(mean(\.f1)) + "</tr></tfoot>"
    let header = HTML.header(["Class", "#Count", "#Precision", "#Recall", "#F1"])
    let caption =
      "Precision: of what was taken for the class, how much is it; recall: of the class, how much was found;"
      + " F1: their harmonic mean."
    return HTML.classTable(
      caption: caption, header: header, rows: rows, footer: footer, collapsedAfter: limit)
  }

  // MARK: Mistakes

  func mistakes() -> String {
    guard evaluation.count > 0 else { return "" }
    guard !evaluation.mistakes.isEmpty else { return "<p>There are none.</p>" }
    let shown = evaluation.mistakes.prefix(Self.mostPictures)
    let figures = shown.map { mistake in
      let (label, prediction) = (name(mistake.label), name(mistake.prediction))
      // The end of a path distinguishes images; the whole is in the title.
      let file = mistake.name.split(separator: "/").suffix(2).joined(separator: "/")
      return """
        <figure class="photo">\(picture(of: mistake))<figcaption><span class="is" title="\(HTML.text(label))">\(HTML.short(label, 48))</span>
        <span class="taken">taken for <b title="\(HTML.text(prediction))">\(HTML.short(prediction, 48))</b>, \(Format.percent(mistake.probability))</span>
        <span class="file" title="\(HTML.text(mistake.name))">\(HTML.text(file))</span></figcaption></figure>
        """
    }
    return """
      <p class="explain">Images taken for another class, the most confident first, with the class that they show.</p>
      <div class="photos">
      \(figures.joined(separator: "\n"))
      </div>
      """
  }

  private func picture(of mistake: Evaluation.Mistake) -> String {
    Self.picture(thumbnails[mistake.index], alt: "\(mistake.name), \(name(mistake.label))")
  }

  /// Images of mistakes in a report.
  static let mostPictures = 24

  /// An image of the data set, where there is one, with alternative text.
  static func picture(_ image: RGBImage?, alt: String) -> String {
    guard let image, let (data, isSmall) = thumbnail(image) else {
      return "<div class=\"thumb none\"><span>no picture</span></div>"
    }
    return
      "<div class=\"thumb\"><img class=\"\(isSmall ? "small" : "large")\" src=\"\(data)\" alt=\"\(HTML.text(alt))\"/></div>"
  }

  /// An image of 256 pixels a side at most, and whether it is so small that its pixels should be seen.
  private static func thumbnail(_ image: RGBImage) -> (data: String, isSmall: Bool)? {
    let side = max(image.width, image.height)
    guard side > 256 else { return dataURI(image).map { ($0, side < 100) } }
    func scaled(_ length: Int) -> Int { max(1, (length * 256 + side / 2) / side) }
    let smaller = try? image.resized(width: scaled(image.width), height: scaled(image.height))
    return smaller.flatMap(dataURI).map { ($0, false) }
  }

  /// `nil` where there is no memory for it: a report without an image is better than none.
  static func dataURI(_ image: RGBImage) -> String? {
    (try? image.pngBytes()).map { "data:image/png;base64,\(Data($0).base64EncodedString())" }
  }
}
