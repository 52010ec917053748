// Swiftlet.swift: the exports of `import Swiftlet`: the façade of inference, and the names of other modules that training needs.

@_exported import struct SwiftletCore.SeededGenerator
@_exported import enum SwiftletGraph.Optimizer
@_exported import protocol SwiftletGraph.TrainingBackend
@_exported import enum SwiftletVision.Augmentation
@_exported import struct SwiftletVision.ImageTransform
@_exported import enum SwiftletVision.Mixing
@_exported import struct SwiftletVision.TransformedImage
@_exported import struct SwiftletData.CSVList
@_exported import protocol SwiftletData.Dataset
@_exported import enum SwiftletData.DatasetError
@_exported import typealias SwiftletData.DatasetSplit
@_exported import protocol SwiftletData.ImageDataset
@_exported import struct SwiftletData.ImageFolder
@_exported import struct SwiftletData.MultiLabelList
@_exported import typealias SwiftletData.MultiLabelSplit
@_exported import struct SwiftletData.SkippedFile
@_exported import struct SwiftletData.Split
@_exported import struct SwiftletData.TargetEncoding
@_exported import struct SwiftletTraining.ClassificationTally
@_exported import struct SwiftletTraining.ClassificationTask
@_exported import struct SwiftletTraining.CrossEntropyLoss
@_exported import struct SwiftletTraining.DistillationLoss
@_exported import struct SwiftletTraining.EpochRecord
@_exported import struct SwiftletTraining.Evaluation
@_exported import struct SwiftletTraining.Evaluator
@_exported import enum SwiftletTraining.Freeze
@_exported import struct SwiftletTraining.GateRecord
@_exported import protocol SwiftletTraining.Loss
@_exported import struct SwiftletTraining.MultiLabelEvaluation
@_exported import struct SwiftletTraining.MultiLabelTally
@_exported import struct SwiftletTraining.MultiLabelTask
@_exported import struct SwiftletTraining.RateRangeTest
@_exported import struct SwiftletTraining.Recipe
@_exported import struct SwiftletTraining.ReportSection
@_exported import struct SwiftletTraining.Schedule
@_exported import struct SwiftletTraining.SigmoidCrossEntropyLoss
@_exported import struct SwiftletTraining.StepProgress
@_exported import enum SwiftletTraining.TaskCatalogue
@_exported import protocol SwiftletTraining.TaskEvaluation
@_exported import struct SwiftletTraining.TaskMetric
@_exported import protocol SwiftletTraining.TaskTally
@_exported import class SwiftletTraining.Trainer
@_exported import enum SwiftletTraining.TrainingError
@_exported import struct SwiftletTraining.TrainingResult
@_exported import protocol SwiftletTraining.TrainingTask
@_exported import SwiftletInference

/// The version of this package.
public let swiftletVersion = "0.1.0"
