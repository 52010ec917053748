// PortName.swift: the names of the inputs and outputs that networks and steps of training agree on.

/// Names of inputs and outputs of graphs.
public enum PortName {
  /// The images `[N, H, W, 3]`: a network's input.
  public static let image = "image"
  /// The number of the step, which decides dropout: an input of networks in training form.
  public static let step = "step"
  /// The logits `[N, classes]`: the output of a network that classifies.
  public static let logits = "logits"
  /// The targets of a batch: an input of a step of training.
  public static let targets = "targets"
  /// Another network's logits: an input of a step that distills.
  public static let teacher = "teacher"
  /// The rates of a step (``StepRates``): an input.
  public static let rates = "rates"
  /// The loss: an output of a step.
  public static let loss = "loss"
  /// The norm of all gradients together: an output of a step.
  public static let gradientNorm = "gradientNorm"

  /// The gradient of a parameter or an output.
  public static func gradient(of name: String) -> String { gradientPrefix + name }

  /// The parameter or output of a gradient's name; `nil` for a name that is not that of a gradient.
  public static func gradientTarget(_ name: String) -> String? {
    name.hasPrefix(gradientPrefix) ? String(name.dropFirst(gradientPrefix.count)) : nil
  }

  private static let gradientPrefix = "gradient."
}
