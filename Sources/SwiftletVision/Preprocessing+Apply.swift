// Preprocessing+Apply.swift: the crop a network sees, and its input tensor.

import SwiftletCore

extension Preprocessing {
  /// The 8-bit image that the network sees, `resolution` × `resolution`, channels still red, green, blue.
  ///
  /// With a TensorFlow filter this is for the eye: fractions are rounded here and kept in ``input(_:)``.
  ///
  /// - Throws: ``VisionError/preprocessing(reason:)`` where the numbers of the preset make no sense.
  public func crop(_ image: RGBImage) throws -> RGBImage {
    try check()
    switch try plan(image) {
    case .resizeThenCut(let width, let height, let cut, let padding):
      let part = try image.resized(width: width, height: height, filter: filter, region: cut)
      return part.padded(
        left: padding.left, top: padding.top, right: padding.right, bottom: padding.bottom)
    case .cutThenResize(let cut):
      return try image.cropped(x: cut.x, y: cut.y, width: cut.width, height: cut.height)
        .resized(width: resolution, height: resolution, filter: filter)
    }
  }

  /// The positions of an image's points in the network's input: the transform that ``crop(_:)`` and ``input(_:)`` apply.
  ///
  /// - Throws: as ``crop(_:)``.
  public func cropTransform(of image: RGBImage) throws -> ImageTransform {
    try check()
    // TensorFlow's older resize aligns the corners of the first pixels instead of the corners of the images.
    let center = filter == .tensorFlowBilinear ? 0.5 : 0
    func scaled(_ x: Double, _ y: Double) -> ImageTransform {
      .translation(x: -center, y: -center).then(.scaling(x: x, y: y))
        .then(.translation(x: center, y: center))
    }
    switch try plan(image) {
    case .resizeThenCut(let width, let height, let cut, let padding):
      return scaled(Double(width) / Double(image.width), Double(height) / Double(image.height))
        .then(.translation(x: Double(padding.left - cut.x), y: Double(padding.top - cut.y)))
    case .cutThenResize(let cut):
      return ImageTransform.translation(x: -Double(cut.x), y: -Double(cut.y))
        .then(scaled(Double(resolution) / Double(cut.width), Double(resolution) / Double(cut.height)))
    }
  }

  /// The network's input: `float32`, `[1, resolution, resolution, 3]`.
  ///
  /// Each step is rounded to float32 in the order that torchvision takes: byte to 0...1, minus the mean,
  /// divided by the standard deviation.
  ///
  /// - Throws: as ``crop(_:)``.
  public func input(_ image: RGBImage) throws -> Tensor {
    try check()
    let shape: Shape = [1, resolution, resolution, 3]
    let order = channelOrder == .rgb ? [0, 1, 2] : [2, 1, 0]
    if filter.support == nil, let values = try floats(image) {
      let normalized = values.indices.map { index in
        let channel = index % 3
        return normalize(values[index - channel + order[channel]], channel: channel)
      }
      return try Tensor(shape: shape, floats: normalized)
    }

    let crop = try crop(image)
    // There are only 256 values a channel.
    let table = (0..<768).map { normalize(Float($0 % 256), channel: $0 / 256) }
    let storage = TensorStorage(byteCount: 4 * crop.pixels.count) { memory in
      let target = memory.bindMemory(to: Float.self)
      let (first, third) = (order[0], order[2])
      crop.pixels.withUnsafeBufferPointer { pixels in
        table.withUnsafeBufferPointer { table in
          for start in stride(from: 0, to: pixels.count, by: 3) {
            target[start] = table[Int(pixels[start + first])]
            target[start + 1] = table[256 + Int(pixels[start + 1])]
            target[start + 2] = table[512 + Int(pixels[start + third])]
          }
        }
      }
    }
    return try Tensor(shape: shape, scalarType: .float32, storage: storage)
  }

  private func normalize(_ value: Float, channel: Int) -> Float {
    let scaled = scale == .unit ? value / 255 : value
    return (scaled - mean[channel]) / standardDeviation[channel]
  }

  /// The resized values with their fractions; `nil` where padding is needed, which only bytes have.
  private func floats(_ image: RGBImage) throws -> [Float]? {
    let halfPixel = filter == .tensorFlowBilinearHalfPixel
    switch try plan(image) {
    case .resizeThenCut(let width, let height, let cut, let padding):
      guard padding == Padding() else { return nil }
      return image.tensorFlowResized(
        width: width, height: height, halfPixelCenters: halfPixel, region: cut)
    case .cutThenResize(let cut):
      return try image.cropped(x: cut.x, y: cut.y, width: cut.width, height: cut.height)
        .tensorFlowResized(
          width: resolution, height: resolution, halfPixelCenters: halfPixel,
          region: PixelRegion(x: 0, y: 0, width: resolution, height: resolution))
    }
  }

  private func check() throws {
    func refuse(_ reason: String) -> VisionError { .preprocessing(reason: reason) }
    guard (1...Self.maximumResolution).contains(resolution) else {
      throw refuse("resolution \(resolution) is not in 1...\(Self.maximumResolution)")
    }
    switch framing {
    case .shorterSide(let pixels):
      guard (1...Self.maximumShorterSide).contains(pixels) else {
        throw refuse("a shorter side of \(pixels) pixels is not in 1...\(Self.maximumShorterSide)")
      }
    case .cropFraction(let fraction):
      guard fraction > 0, fraction <= 1, Double(resolution) / fraction <= Double(Self.maximumShorterSide)
      else {
        throw refuse("a crop of \(fraction) of the shorter side")
      }
    case .centralFraction(let fraction), .centralMargins(let fraction):
      guard fraction > 0, fraction <= 1 else { throw refuse("a central fraction of \(fraction)") }
    case .whole: break
    }
    guard mean.count == 3, mean.allSatisfy(\.isFinite) else {
      throw refuse("mean \(mean) is not 3 finite numbers")
    }
    guard standardDeviation.count == 3, standardDeviation.allSatisfy({ $0.isFinite && $0 > 0 }) else {
      throw refuse("standard deviation \(standardDeviation) is not 3 finite numbers above 0")
    }
  }

  private static var maximumShorterSide: Int { 1 << 16 }
}

// MARK: - Geometry

/// A black border, in pixels.
private struct Padding: Equatable {
  var left = 0, top = 0, right = 0, bottom = 0
}

/// The plan of a crop for one size of image.
private enum CropPlan {
  case resizeThenCut(width: Int, height: Int, cut: PixelRegion, padding: Padding)
  case cutThenResize(PixelRegion)
}

extension Preprocessing {
  private func plan(_ image: RGBImage) throws -> CropPlan {
    switch framing {
    case .shorterSide(let pixels):
      return try center(image, shorterSide: pixels)
    case .cropFraction(let fraction):
      return try center(image, shorterSide: Int(Double(resolution) / fraction))
    case .centralFraction(let fraction):
      let width = max(1, Int(Double(image.width) * fraction))
      let height = max(1, Int(Double(image.height) * fraction))
      return .cutThenResize(
        PixelRegion(
          x: (image.width - width) / 2, y: (image.height - height) / 2, width: width, height: height))
    case .centralMargins(let fraction):
      func margin(_ side: Int) -> Int { Int((Double(side) - Double(side) * fraction) / 2) }
      let (x, y) = (margin(image.width), margin(image.height))
      return .cutThenResize(
        PixelRegion(x: x, y: y, width: image.width - 2 * x, height: image.height - 2 * y))
    case .whole:
      return .cutThenResize(PixelRegion(x: 0, y: 0, width: image.width, height: image.height))
    }
  }

  /// torchvision's resize of the shorter side and its center crop, which rounds halves to even as Python does.
  private func center(_ image: RGBImage, shorterSide: Int) throws -> CropPlan {
    let (short, long) = (min(image.width, image.height), max(image.width, image.height))
    let longer = Int(Double(shorterSide * long) / Double(short))
    let (width, height) = image.width <= image.height ? (shorterSide, longer) : (longer, shorterSide)

    var padding = Padding()
    padding.left = max(0, (resolution - width) / 2)
    padding.right = max(0, (resolution - width + 1) / 2)
    padding.top = max(0, (resolution - height) / 2)
    padding.bottom = max(0, (resolution - height + 1) / 2)
    // The cut is positioned in the padded image, then taken from the part of it that is not border. A side
    // has a border only where all of it is seen.
    func start(_ side: Int) -> Int {
      side <= resolution ? 0 : Int((Double(side - resolution) / 2).rounded(.toNearestOrEven))
    }
    let cut = PixelRegion(
      x: start(width), y: start(height), width: min(width, resolution), height: min(height, resolution))
    return .resizeThenCut(width: width, height: height, cut: cut, padding: padding)
  }
}
