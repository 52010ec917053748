// Preprocessing.swift: the preprocessing of a network's images: data that is stored with the weights.

/// The conversion of an image to a network's input: framing, size, filter, scale and normalization.
///
/// The presets are the evaluation transforms of torchvision, timm and TensorFlow's slim; see the static
/// functions. Values decoded from a file are checked when they are used.
public struct Preprocessing: Sendable, Codable, Hashable {
  /// The part of the image that the network sees.
  public enum Framing: Sendable, Codable, Hashable {
    /// Resize the shorter side to `pixels` (the longer in proportion, rounded down), then cut out the center;
    /// where that is too small, pad with black. torchvision's `Resize` and `CenterCrop`.
    case shorterSide(pixels: Int)
    /// The same with the shorter side at `resolution / fraction`, rounded down: timm's `crop_pct`.
    case cropFraction(fraction: Double)
    /// Cut out the center, `fraction` of each side rounded down, then resize it to a square.
    case centralFraction(fraction: Double)
    /// Cut out the center as `tf.image.central_crop` does, whose margins are rounded down, then resize it to
    /// a square.
    case centralMargins(fraction: Double)
    /// Resize the whole image to a square; of that size already, it stays as it is.
    case whole
  }

  /// The order of the channels in the input.
  public enum ChannelOrder: String, Sendable, Codable, Hashable {
    case rgb, bgr
  }

  /// The scale of a byte before mean and standard deviation are applied.
  public enum InputScale: String, Sendable, Codable, Hashable {
    /// x / 255, in 0...1.
    case unit
    /// x, in 0...255.
    case byte
  }

  /// The largest resolution accepted.
  public static let maximumResolution = 4096

  /// Width and height of the input in pixels.
  public var resolution: Int
  /// The part of the image that the network sees.
  public var framing: Framing
  /// The filter of resizing.
  public var filter: ResizeFilter
  /// The order of the channels in the input.
  public var channelOrder: ChannelOrder
  /// The scale of bytes before normalization.
  public var scale: InputScale
  /// The mean, subtracted from each channel of the input, in the units of `scale`.
  public var mean: [Float]
  /// The standard deviation, the divisor of each channel after the mean is subtracted.
  public var standardDeviation: [Float]

  /// Creates a description from its parts; the defaults are ImageNet's usual ones.
  public init(
    resolution: Int, framing: Framing, filter: ResizeFilter = .bilinear, channelOrder: ChannelOrder = .rgb,
    scale: InputScale = .unit, mean: [Float] = Self.imageNetMean,
    standardDeviation: [Float] = Self.imageNetStandardDeviation
  ) {
    self.resolution = resolution
    self.framing = framing
    self.filter = filter
    self.channelOrder = channelOrder
    self.scale = scale
    self.mean = mean
    self.standardDeviation = standardDeviation
  }

  /// Mean of ImageNet's pixels in 0...1.
  public static let imageNetMean: [Float] = [0.485, 0.456, 0.406]
  /// Standard deviation of ImageNet's pixels in 0...1.
  public static let imageNetStandardDeviation: [Float] = [0.229, 0.224, 0.225]

  /// torchvision's evaluation: shorter side to `resize`, bilinear with antialias, center crop.
  ///
  /// - Parameters:
  ///   - resolution: side of the crop.
  ///   - resize: the shorter side before the crop; without it `resolution / 0.875`, rounded, as 256 is to 224.
  ///   - filter: the filter of resizing.
  public static func torchvision(
    resolution: Int = 224, resize: Int? = nil, filter: ResizeFilter = .bilinear
  ) -> Preprocessing {
    let pixels = resize ?? scaled(256, from: 224, to: resolution)
    return Preprocessing(resolution: resolution, framing: .shorterSide(pixels: pixels), filter: filter)
  }

  /// timm's evaluation: shorter side to `resolution / cropFraction`, rounded down, then center crop.
  ///
  /// - Parameters:
  ///   - resolution: side of the crop.
  ///   - cropFraction: timm's `crop_pct`.
  ///   - filter: timm's `interpolation`.
  ///   - mean: in 0...1.
  ///   - standardDeviation: in 0...1.
  public static func timm(
    resolution: Int = 224, cropFraction: Double = 0.875, filter: ResizeFilter = .bicubic,
    mean: [Float] = Self.imageNetMean, standardDeviation: [Float] = Self.imageNetStandardDeviation
  ) -> Preprocessing {
    Preprocessing(
      resolution: resolution, framing: .cropFraction(fraction: cropFraction), filter: filter, mean: mean,
      standardDeviation: standardDeviation)
  }

  /// The published TensorFlow MobileNets on 8-bit images: the central 87.5 %, bilinear with antialias to
  /// `resolution`, then (x − 127.5) / 127.5.
  public static func tensorFlow(resolution: Int = 224) -> Preprocessing {
    Preprocessing(
      resolution: resolution, framing: .centralFraction(fraction: 0.875), filter: .bilinear, scale: .byte,
      mean: [127.5, 127.5, 127.5], standardDeviation: [127.5, 127.5, 127.5])
  }

  /// TensorFlow slim's evaluation graph: `tf.image.central_crop` of 87.5 %,
  /// `resize_bilinear` in float32 without antialias, then (x / 255 − 0.5) / 0.5.
  public static func slim(resolution: Int = 224, halfPixelCenters: Bool = false) -> Preprocessing {
    Preprocessing(
      resolution: resolution, framing: .centralMargins(fraction: 0.875),
      filter: halfPixelCenters ? .tensorFlowBilinearHalfPixel : .tensorFlowBilinear, mean: [0.5, 0.5, 0.5],
      standardDeviation: [0.5, 0.5, 0.5])
  }

  /// CIFAR-10: images of 32×32 pixels as they are, others resized to that.
  public static func cifar(resolution: Int = 32) -> Preprocessing {
    Preprocessing(
      resolution: resolution, framing: .whole, mean: [0.4914, 0.4822, 0.4465],
      standardDeviation: [0.2470, 0.2435, 0.2616])
  }

  /// The same at another resolution (a resolution multiplier): a shorter side given in pixels grows and
  /// shrinks in proportion, rounded: 256 for 224 becomes 183 for 160.
  public func scaled(to resolution: Int) -> Preprocessing {
    var result = self
    result.resolution = resolution
    if case .shorterSide(let pixels) = framing, resolution != self.resolution {
      result.framing = .shorterSide(pixels: Self.scaled(pixels, from: self.resolution, to: resolution))
    }
    return result
  }

  private static func scaled(_ pixels: Int, from old: Int, to new: Int) -> Int {
    let exact = (Double(pixels) * Double(new) / Double(old)).rounded()
    // Nonsense in stays nonsense, and is refused where it is used.
    return Int(exactly: exact) ?? 0
  }
}
