// SwiftletModules.swift: every module under one name, for the tool and the tests of this package. No product has it.

@_exported import Swiftlet
@_exported import SwiftletArchitectures
@_exported import SwiftletCPU
@_exported import SwiftletCore
@_exported import SwiftletData
@_exported import SwiftletFormats
@_exported import SwiftletGraph
@_exported import SwiftletTraining
@_exported import SwiftletVision
@_exported import SwiftletWeights
