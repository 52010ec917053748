// SVG.swift: the few shapes that the charts are made of.

/// Elements of a drawing. Colors are classes of the page's style, so that they follow its theme.
enum SVG {
  /// A coordinate: one decimal is less than a pixel.
  static func number(_ value: Double) -> String {
    let text = Format.fixed(value.magnitude < 1e7 ? value : 0, 1)
    return text.replacing("−", with: "-").replacing(".0", with: "")
  }

  static func line(_ kind: String, _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) -> String {
    "<line class=\"\(kind)\" x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" y2=\"\(number(y2))\"/>"
  }

  static func circle(_ kind: String, _ x: Double, _ y: Double, _ radius: Double) -> String {
    "<circle class=\"\(kind)\" cx=\"\(number(x))\" cy=\"\(number(y))\" r=\"\(number(radius))\"/>"
  }

  /// - Parameter text: escaped already.
  static func text(_ kind: String, _ x: Double, _ y: Double, _ anchor: String, _ text: String)
    -> String
  {
    "<text class=\"\(kind)\" x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor)\">\(text)</text>"
  }

  static func path(_ kind: String, _ data: String) -> String { "<path class=\"\(kind)\" d=\"\(data)\"/>" }

  /// The sign of a value that cannot be drawn.
  static func cross(_ x: Double, _ y: Double) -> String {
    let (l, r, t, b) = (number(x - 3.5), number(x + 3.5), number(y - 3.5), number(y + 3.5))
    return path("cross", "M\(l) \(t)L\(r) \(b)M\(l) \(b)L\(r) \(t)")
  }

  /// A line's sample in a legend.
  static func key(_ kind: String) -> String {
    "<svg class=\"key\" viewBox=\"0 0 24 8\" aria-hidden=\"true\">\(line("line \(kind)", 1, 4, 23, 4))</svg>"
  }
}
