// Recipe+Presets.swift: recipes by name: the papers' and tested ones.

import SwiftletData

extension Recipe {
  /// A recipe with its name on the command line.
  public struct Preset: Sendable {
    /// The name: `fine-tune`.
    public let name: String
    /// Its purpose in one line.
    public let summary: String
    /// The recipe.
    public let recipe: Recipe
  }

  /// All presets.
  public static let presets = [
    Preset(name: "cifar", summary: "small images from scratch: SGD, one cycle, 30 epochs", recipe: .cifar),
    Preset(name: "fast", summary: "small images from scratch in 16 epochs", recipe: .fast),
    Preset(name: "fine-tune", summary: "a network that was trained on other images", recipe: .fineTune),
    Preset(name: "quick", summary: "three epochs, to see whether it works", recipe: .quick),
    Preset(name: "mobilenet-v1", summary: "MobileNetV1's paper, for ImageNet", recipe: .mobileNetV1),
    Preset(name: "mobilenet-v2", summary: "MobileNetV2's paper, for ImageNet", recipe: .mobileNetV2),
    Preset(name: "mobilenet-v3", summary: "MobileNetV3's paper, for ImageNet", recipe: .mobileNetV3),
  ]

  /// The preset of a name.
  ///
  /// - Throws: ``TrainingError/unknownRecipe(_:)``.
  public static func preset(_ name: String) throws -> Recipe {
    guard let preset = presets.first(where: { $0.name == name }) else {
      throw TrainingError.unknownRecipe(name)
    }
    return preset.recipe
  }

  /// For CIFAR: SGD with Nesterov's momentum, decay 5e-4, pad-and-crop and flip, as He et al. (arXiv 1512.03385, section 4.2) and
  /// most since; one cycle instead of steps, which needs a fifth of the epochs, and so no dropout: in few epochs small networks learn
  /// too little rather than too much.
  public static let cifar = Recipe(
    epochs: 30, batch: 64, learningRate: 0.08, schedule: Schedule(.oneCycle(peak: 0.15)),
    weightDecay: 4e-4, labelSmoothing: 0.1, augmentation: [.padAndCrop(4), .horizontalFlip], dropout: 0)

  /// For CIFAR in few epochs, with what recipes of about ten epochs have in common (Page 2018, "How to train your ResNet"; Jordan 2024,
  /// arXiv 2404.00498): one cycle, label smoothing, no decay of norms and biases, the average of the weights, a first kernel from the
  /// images; and three quarters of the resolution in the first half. For weights that were trained on other images a tenth of the
  /// learning rate is right: at more, MobileNetV2's loss jumps.
  public static let fast = Recipe(
    epochs: 16, batch: 128, learningRate: 0.2, schedule: Schedule(.oneCycle(peak: 0.25)), weightDecay: 5e-4,
    decayExclusions: [.normScale, .normOffset, .bias], labelSmoothing: 0.1,
    augmentation: [.padAndCrop(4), .horizontalFlip], dropout: 0, averageDecay: 0.998,
    earlyResolution: EarlyResolution(share: 0.5, multiplier: 0.75), whitensStem: true)

  /// For a network that was trained on other images, with a new classifier.
  public static let fineTune = Recipe(
    epochs: 12, batch: 32, learningRate: 0.02, schedule: Schedule(.cosine(), warmUp: 1), weightDecay: 1e-4,
    labelSmoothing: 0.1, augmentation: [.randomResizedCrop(scale: 0.5...1), .horizontalFlip])

  /// To see whether it works.
  public static let quick = Recipe(
    epochs: 3, batch: 64, learningRate: 0.05, schedule: Schedule(.oneCycle()), weightDecay: 1e-4,
    labelSmoothing: 0.1, augmentation: [.horizontalFlip])

  /// arXiv 1704.04861, section 3.2: RMSProp as for Inception V3 (arXiv 1512.00567, section 8: decay 0.9, ε 1, 0.045, times 0.94 every
  /// two epochs), no label smoothing, few distortions, no small crops, no decay of depthwise weights.
  public static let mobileNetV1 = Recipe(
    epochs: 100, batch: 96, optimizer: .rmsProp(), learningRate: 0.045,
    schedule: Schedule(.exponential(factor: 0.94, epochs: 2)), weightDecay: 4e-5,
    augmentation: [.randomResizedCrop(scale: 0.25...1), .horizontalFlip])

  /// arXiv 1801.04381, section 6.1: RMSProp with decay and momentum 0.9, decay of weights 4e-5, 0.045, times 0.98 an epoch, batch 96.
  public static let mobileNetV2 = Recipe(
    epochs: 300, batch: 96, optimizer: .rmsProp(), learningRate: 0.045,
    schedule: Schedule(.exponential(factor: 0.98)), weightDecay: 4e-5,
    augmentation: [.randomResizedCrop(scale: 0.08...1), .horizontalFlip])

  /// arXiv 1905.02244, section 6.1.1: RMSProp with momentum 0.9, 0.1 for batches of 4096 (128 on each of 32 chips, whose norms see 128),
  /// less 1 % every three epochs, decay of weights 1e-5, dropout (the network's own), an average of decay 0.9999. ε, which the paper does
  /// not give, is V2's.
  public static let mobileNetV3 = Recipe(
    epochs: 600, batch: 128, accumulation: 32, optimizer: .rmsProp(), learningRate: 0.1,
    schedule: Schedule(.exponential(factor: 0.99, epochs: 3)), weightDecay: 1e-5,
    augmentation: [.randomResizedCrop(scale: 0.08...1), .horizontalFlip], averageDecay: 0.9999)
}
