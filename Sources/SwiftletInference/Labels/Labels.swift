// Labels.swift: the names of classes.

/// Names of classes, by index.
public enum Labels {
  /// ImageNet's 1000 classes.
  public static let imageNet: [String] = ImageNetLabels.text.split(separator: "\n").map(String.init)

  /// CIFAR-10's classes.
  public static let cifar10 = [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
  ]

  /// The labels that a network with published weights and `classes` outputs has: ImageNet's, with TensorFlow's
  /// "background" before them where there are 1001; CIFAR-10's where there are ten and the input is small; none
  /// otherwise.
  static func usual(classes: Int, resolution: Int) -> [String] {
    switch classes {
    case 1000: imageNet
    case 1001: ["background"] + imageNet
    case 10 where resolution <= 64: cifar10
    default: []
    }
  }
}
