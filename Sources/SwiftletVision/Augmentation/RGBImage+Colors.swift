// RGBImage+Colors.swift: changes of color on bytes with the roundings of torchvision's transforms on uint8 tensors.

extension RGBImage {
  /// factor · pixel + (1 − factor) · other, cut off to a byte: below 1 towards `other`, above 1 away from it.
  @inline(__always)
  private static func blend(_ pixel: UInt8, _ other: Float, _ factor: Float, _ rest: Float) -> UInt8 {
    UInt8(max(0, min(255, factor * Float(pixel) + rest * other)))
  }

  /// Luma as torchvision computes it, cut off to a byte.
  @inline(__always)
  private static func gray(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> UInt8 {
    UInt8(min(255, 0.2989 * Float(red) + 0.587 * Float(green) + 0.114 * Float(blue)))
  }

  /// Each channel's bytes replaced by those of three tables of 256.
  private func replaced(_ tables: [UInt8]) -> RGBImage {
    let bytes = [UInt8](unsafeUninitializedCapacity: pixels.count) { target, filled in
      pixels.withUnsafeBufferPointer { source in
        tables.withUnsafeBufferPointer { tables in
          for start in stride(from: 0, to: source.count, by: 3) {
            for channel in 0..<3 {
              target[start + channel] = tables[256 * channel + Int(source[start + channel])]
            }
          }
        }
      }
      filled = pixels.count
    }
    return RGBImage(width: width, height: height, valid: bytes)
  }

  private func replaced(_ map: (UInt8) -> UInt8) -> RGBImage {
    let table = (0..<256).map { map(UInt8($0)) }
    return replaced(table + table + table)
  }

  /// Each pixel on its own.
  private func mapped(_ map: (UInt8, UInt8, UInt8) -> (UInt8, UInt8, UInt8)) -> RGBImage {
    let bytes = [UInt8](unsafeUninitializedCapacity: pixels.count) { target, filled in
      pixels.withUnsafeBufferPointer { source in
        for start in stride(from: 0, to: source.count, by: 3) {
          (target[start], target[start + 1], target[start + 2]) = map(
            source[start], source[start + 1], source[start + 2])
        }
      }
      filled = pixels.count
    }
    return RGBImage(width: width, height: height, valid: bytes)
  }

  /// 0 is black, 1 the image.
  package func brightened(by factor: Double) -> RGBImage {
    let (factor, rest) = (Float(factor), Float(1 - factor))
    return replaced { Self.blend($0, 0, factor, rest) }
  }

  /// 0 is the mean gray, 1 the image.
  package func contrasted(by factor: Double) -> RGBImage {
    var sum = 0
    for start in stride(from: 0, to: pixels.count, by: 3) {
      sum += Int(Self.gray(pixels[start], pixels[start + 1], pixels[start + 2]))
    }
    let mean = Float(Double(sum) / Double(width * height))
    let (factor, rest) = (Float(factor), Float(1 - factor))
    return replaced { Self.blend($0, mean, factor, rest) }
  }

  /// 0 is the image in gray, 1 the image.
  package func saturated(by factor: Double) -> RGBImage {
    let (factor, rest) = (Float(factor), Float(1 - factor))
    return mapped { red, green, blue in
      let gray = Float(Self.gray(red, green, blue))
      return (
        Self.blend(red, gray, factor, rest), Self.blend(green, gray, factor, rest),
        Self.blend(blue, gray, factor, rest)
      )
    }
  }

  /// Hues turned by so many turns of the color circle.
  package func hueShifted(by turns: Double) -> RGBImage {
    let turns = Float(turns)
    return mapped { red, green, blue in
      let (r, g, b) = (Float(red) / 255, Float(green) / 255, Float(blue) / 255)
      let high = max(r, g, b)
      let range = high - min(r, g, b)
      if range == 0 { return (red, green, blue) }
      let saturation = range / high
      let (fromRed, fromGreen, fromBlue) = ((high - r) / range, (high - g) / range, (high - b) / range)
      var hue: Float
      if high == r {
        hue = fromBlue - fromGreen
      } else if high == g {
        hue = 2 + fromRed - fromBlue
      } else {
        hue = 4 + fromGreen - fromRed
      }
      hue = hue / 6 + 1 + turns
      hue -= hue.rounded(.down)
      let sixth = (hue * 6).rounded(.down)
      let part = hue * 6 - sixth
      func limited(_ value: Float) -> Float { max(0, min(1, value)) }
      let low = limited(high * (1 - saturation))
      let falling = limited(high * (1 - saturation * part))
      let rising = limited(high * (1 - saturation * (1 - part)))
      // As bytes are made of 0...1 there: 256 equal steps, less a hair.
      func byte(_ value: Float) -> UInt8 { UInt8(value * 255.999) }
      switch Int(sixth) % 6 {
      case 0: return (byte(high), byte(rising), byte(low))
      case 1: return (byte(falling), byte(high), byte(low))
      case 2: return (byte(low), byte(high), byte(rising))
      case 3: return (byte(low), byte(falling), byte(high))
      case 4: return (byte(rising), byte(low), byte(high))
      default: return (byte(high), byte(low), byte(falling))
      }
    }
  }

  /// 0 is the image smoothed, 1 the image. The outermost pixels, and images of up to 2 pixels a side, stay.
  package func sharpened(by factor: Double) -> RGBImage {
    guard width > 2, height > 2 else { return self }
    let (factor, rest) = (Float(factor), Float(1 - factor))
    let rowBytes = 3 * width
    var result = pixels
    result.withUnsafeMutableBufferPointer { target in
      pixels.withUnsafeBufferPointer { source in
        for row in 1..<(height - 1) {
          for index in (row * rowBytes + 3)..<((row + 1) * rowBytes - 3) {
            // Ones, with five in the middle, over thirteen.
            func across(_ middle: Int) -> Int {
              Int(source[middle - 3]) + Int(source[middle]) + Int(source[middle + 3])
            }
            let sum =
              4 * Int(source[index]) + across(index - rowBytes) + across(index) + across(index + rowBytes)
            let smooth = (Float(sum) / 13).rounded(.toNearestOrEven)
            target[index] = Self.blend(source[index], smooth, factor, rest)
          }
        }
      }
    }
    return RGBImage(width: width, height: height, valid: result)
  }

  /// Only the highest `bits` bits of each byte are kept.
  package func posterized(bits: Int) -> RGBImage {
    let mask = ~UInt8(truncatingIfNeeded: 0xFF >> max(0, min(8, bits)))
    return replaced { $0 & mask }
  }

  /// Bytes from `threshold` on are inverted.
  package func solarized(from threshold: Double) -> RGBImage {
    replaced { Double($0) >= threshold ? 255 - $0 : $0 }
  }

  /// Each channel stretched to 0...255.
  package func autoContrasted() -> RGBImage {
    var tables: [UInt8] = []
    for histogram in histograms() {
      let (low, high) = (histogram.firstIndex { $0 > 0 } ?? 0, histogram.lastIndex { $0 > 0 } ?? 0)
      let scale = 255 / Float(high - low)
      tables += (0..<256).map { byte in
        low == high ? UInt8(byte) : UInt8(max(0, min(255, Float(byte - low) * scale)))
      }
    }
    return replaced(tables)
  }

  /// Each channel with about as many pixels of every value, as Pillow's `ImageOps.equalize`.
  package func equalized() -> RGBImage {
    var tables: [UInt8] = []
    for histogram in histograms() {
      let last = histogram.last { $0 > 0 } ?? 0
      let step = (width * height - last) / 255
      var sum = 0
      for (byte, count) in histogram.enumerated() {
        tables.append(step == 0 ? UInt8(byte) : UInt8(min(255, (sum + step / 2) / step)))
        sum += count
      }
    }
    return replaced(tables)
  }

  private func histograms() -> [[Int]] {
    var counts = [[Int]](repeating: [Int](repeating: 0, count: 256), count: 3)
    for start in stride(from: 0, to: pixels.count, by: 3) {
      for channel in 0..<3 { counts[channel][Int(pixels[start + channel])] += 1 }
    }
    return counts
  }
}
