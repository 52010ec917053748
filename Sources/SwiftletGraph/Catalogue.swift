// Catalogue.swift: the list of all operations. A test compares it with the folder Operations/.

import Synchronization

/// Every operation, by name, for files and for the conformance suite.
package enum Catalogue {
  /// The operations of networks; each has a gradient.
  package static let forward: [any GraphOperation.Type] = [
    Activation.self, AdaptiveAveragePool.self, Add.self, AveragePool.self, BatchNorm.self,
    BatchNormTraining.self, ChannelScale.self, Concatenate.self, Convolution.self,
    DepthwiseConvolution.self, Distillation.self, Dropout.self, GlobalAveragePool.self, Linear.self,
    MaxPool.self,
    PadChannels.self, Reshape.self, SigmoidCrossEntropy.self, SliceChannels.self, Softmax.self,
    SoftmaxCrossEntropy.self,
    StochasticDepth.self,
  ]

  /// The operations of gradients.
  package static let backward: [any GraphOperation.Type] = [
    ActivationGradient.self, AdaptiveAveragePoolGradient.self, AveragePoolGradient.self,
    BatchNormGradient.self, ChannelScaleGateGradient.self, ConvolutionInputGradient.self,
    ConvolutionWeightGradient.self, DepthwiseInputGradient.self, DepthwiseWeightGradient.self,
    DistillationGradient.self,
    GlobalAveragePoolGradient.self, LinearInputGradient.self, LinearWeightGradient.self,
    MaxPoolGradient.self, SigmoidCrossEntropyGradient.self, SoftmaxCrossEntropyGradient.self,
    SoftmaxGradient.self, SumToChannels.self,
  ]

  /// The operations at the end of a step of training; none has a gradient.
  package static let updates: [any GraphOperation.Type] = [
    Accumulate.self, GradientScale.self, MovingAverage.self, WeightUpdate.self,
  ]

  /// All of them.
  package static let all = forward + backward + updates

  private static let own = Mutex<[String: any GraphOperation.Type]>([:])

  /// Makes an operation from outside the package known by its name, for the whole process: graphs that hold it can then be
  /// written and read.
  ///
  /// - Throws: ``GraphError/duplicateName(_:)`` where another operation has the name.
  package static func register(_ type: any GraphOperation.Type) throws {
    try own.withLock { own in
      let known = all.first { $0.name == type.name } ?? own[type.name]
      guard known == nil || known == type else { throw GraphError.duplicateName(type.name) }
      own[type.name] = type
    }
  }

  /// The operation of a name, of ``all`` or registered, or `nil`.
  package static func operation(named name: String) -> (any GraphOperation.Type)? {
    all.first { $0.name == name } ?? own.withLock { $0[name] }
  }
}
