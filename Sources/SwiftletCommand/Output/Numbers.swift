// Numbers.swift: readable numbers.

extension Int {
  /// With a comma every three digits: 3,504,872.
  var grouped: String {
    let digits = String(magnitude)
    var result = ""
    for (index, digit) in digits.enumerated() {
      if index > 0 && (digits.count - index) % 3 == 0 { result.append(",") }
      result.append(digit)
    }
    return self < 0 ? "-" + result : result
  }

  /// In millions or billions as papers print it: 300.8 M, 15.5 G.
  var short: String {
    let value = Double(self)
    if magnitude >= 10_000_000_000 { return "\((value / 1e9).fixed(2)) G" }
    if magnitude >= 1_000_000 { return "\((value / 1e6).fixed(magnitude >= 100_000_000 ? 1 : 2)) M" }
    if magnitude >= 1_000 { return "\((value / 1e3).fixed(1)) K" }
    return String(self)
  }

  /// In bytes: 4.59 MB (10⁶).
  var shortBytes: String {
    let value = Double(self)
    if magnitude >= 1_000_000 { return "\((value / 1e6).fixed(2)) MB" }
    return "\((value / 1e3).fixed(1)) kB"
  }
}

extension Double {
  /// With that many digits after the point.
  func fixed(_ digits: Int) -> String {
    guard isFinite, magnitude < 1e15 else { return "\(self)" }
    let scale = (0..<digits).reduce(1.0) { result, _ in result * 10 }
    let rounded = Int64((magnitude * scale).rounded())
    let (whole, fraction) = rounded.quotientAndRemainder(dividingBy: Int64(scale))
    let sign = self < 0 && rounded > 0 ? "-" : ""
    return digits == 0 ? "\(sign)\(whole)" : "\(sign)\(whole)." + zeroPadded(fraction, digits)
  }

  private func zeroPadded(_ number: Int64, _ digits: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}
