// Labels.swift: the names of classes.

/// Names of classes, by index.
public enum Labels {
  /// ImageNet's 1000 classes.
  public static let imageNet: [String] = ImageNetLabels.text.split(separator: "\n").map(String.init)

  /// The WordNet ids of ImageNet's 1000 classes, such as `n01440764`, in the same order.
  package static let imageNetSynsets: [String] = ImageNetSynsets.text.split(whereSeparator: \.isWhitespace)
    .map(String.init)

  /// CIFAR-10's classes.
  public static let cifar10 = [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
  ]
}
