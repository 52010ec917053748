// Swiftlet.swift: what `import Swiftlet` brings: the rooms below, and the ten-minute API of this one.

@_exported import SwiftletArchitectures
@_exported import SwiftletCPU
@_exported import SwiftletCore
@_exported import SwiftletData
@_exported import SwiftletFormats
@_exported import SwiftletGraph
@_exported import SwiftletTraining
@_exported import SwiftletVision

/// The version of this package.
public let swiftletVersion = "0.1.0"
