// swift-tools-version: 6.1
import PackageDescription

// Programs that use Swiftlet as any other package would.
let package = Package(
  name: "Examples",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "Swiftlet", path: "..")],
  targets: [
    .executableTarget(
      name: "ClassifyPhoto", dependencies: [.product(name: "Swiftlet", package: "Swiftlet")]),
    .executableTarget(
      name: "FineTune", dependencies: [.product(name: "Swiftlet", package: "Swiftlet")]),
    .executableTarget(
      name: "InferenceOnly", dependencies: [.product(name: "SwiftletInference", package: "Swiftlet")]),
    .executableTarget(
      name: "ManyImages", dependencies: [.product(name: "Swiftlet", package: "Swiftlet")]),
    .executableTarget(
      name: "OwnArchitecture", dependencies: [.product(name: "Swiftlet", package: "Swiftlet")]),
  ],
  swiftLanguageModes: [.v6]
)
