// swift-tools-version: 6.1
import PackageDescription

// The rooms, from the bottom up. A target may import only what stands in its `dependencies`; arrows point
// downward (Documentation/architecture.md). No target carries unsafe flags, so that another package can
// depend on Swiftlet by version.
let package = Package(
  name: "Swiftlet",
  platforms: [.macOS(.v15)],
  products: [
    // Everything: weight files of every kind, training, data sets, downloads.
    .library(name: "Swiftlet", targets: ["Swiftlet"]),
    // Inference alone: links the image codecs, and neither libzip, libcrypto nor libisal.
    .library(name: "SwiftletInference", targets: ["SwiftletInference"]),
    .executable(name: "swiftlet", targets: ["SwiftletCommand"]),
  ],
  // Formats of images beyond JPEG, PNG, WebP and BMP (Documentation/images.md). Each may be left out, together with its library:
  // `swift build --disable-default-traits --traits GIF,TIFF`.
  traits: [
    .default(enabledTraits: ["GIF", "TIFF", "HEIF"]),
    .trait(name: "GIF", description: "The first frame of GIF, through giflib."),
    .trait(name: "TIFF", description: "The first picture of TIFF, through libtiff."),
    .trait(name: "HEIF", description: "HEIC and AVIF, through libheif."),
  ],
  targets: [
    // Values every room shares: shapes, tensors, seeded random numbers.
    .target(name: "SwiftletCore"),
    // The IR, its operations with their meaning and their gradients, passes, the reference backend.
    .target(name: "SwiftletGraph", dependencies: ["SwiftletCore"]),
    // Micro-kernels in portable vector C, compiled for each instruction set by attribute.
    .target(name: "CKernels", exclude: ["families"]),
    // The engine: lowering, packing, memory plan, plans and sessions.
    .target(name: "SwiftletCPU", dependencies: ["SwiftletGraph", "CKernels"]),
    // Networks as the papers' tables: blocks, dialects, the zoo, summaries.
    .target(name: "SwiftletArchitectures", dependencies: ["SwiftletGraph"]),
    // Photographs: codecs, resize, crop, augmentation.
    .target(name: "SwiftletVision", dependencies: ["SwiftletCore", "CImageCodecs"]),
    // Weights: safetensors, and the names that libraries give to them.
    .target(name: "SwiftletWeights", dependencies: ["SwiftletGraph"]),
    // Weight files that need libraries: PyTorch checkpoints; digests.
    .target(name: "SwiftletFormats", dependencies: ["SwiftletWeights", "CZip", "CCrypto"]),
    // Models and what is done with them, but training: what an application imports that only infers.
    .target(
      name: "SwiftletInference",
      dependencies: [
        "SwiftletCore", "SwiftletGraph", "SwiftletCPU", "SwiftletArchitectures", "SwiftletVision",
        "SwiftletWeights",
      ]),
    // Data sets, and batches from them on threads of their own.
    .target(name: "SwiftletData", dependencies: ["SwiftletVision", "SwiftletFormats", "CArchive"]),
    // Losses, optimisers, schedules, the trainer, checkpoints, reports. It sees backends, not the engine.
    .target(
      name: "SwiftletTraining",
      dependencies: ["SwiftletGraph", "SwiftletArchitectures", "SwiftletData", "SwiftletFormats", "CCRC"]),
    // A trained network as text, so that a copy of the binary still has it: no folder of resources.
    .target(name: "CEmbeddedModel"),
    // What an application imports that does everything.
    .target(
      name: "Swiftlet",
      dependencies: [
        "SwiftletInference", "SwiftletFormats", "SwiftletData", "SwiftletTraining", "CEmbeddedModel",
      ]),
    // The executable `swiftlet`. (Its folder cannot be called `swiftlet`: macOS would see `Swiftlet`.)
    .executableTarget(name: "SwiftletCommand", dependencies: ["SwiftletModules"]),
    // Every module under one name, for the tool and the tests.
    .target(name: "SwiftletModules", dependencies: ["Swiftlet"]),

    // libjpeg and libpng report errors with longjmp, which Swift frames must not see: one C file a library.
    .target(
      name: "CImageCodecs",
      dependencies: [
        "CJPEG", "CPNG", "CWebP",
        .target(name: "CGIF", condition: .when(traits: ["GIF"])),
        .target(name: "CTIFF", condition: .when(traits: ["TIFF"])),
        .target(name: "CHEIF", condition: .when(traits: ["HEIF"])),
      ],
      cSettings: [
        .define("SWIFTLET_GIF", .when(traits: ["GIF"])), .define("SWIFTLET_TIFF", .when(traits: ["TIFF"])),
        .define("SWIFTLET_HEIF", .when(traits: ["HEIF"])),
      ],
      // giflib has no pkg-config file everywhere.
      linkerSettings: [.linkedLibrary("gif", .when(traits: ["GIF"]))]),
    .systemLibrary(
      name: "CJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg-dev"]), .brew(["jpeg-turbo"])]),
    .systemLibrary(
      name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
    .systemLibrary(
      name: "CWebP", pkgConfig: "libwebpdemux", providers: [.apt(["libwebp-dev"]), .brew(["webp"])]),
    .systemLibrary(
      name: "CGIF", pkgConfig: "libgif", providers: [.apt(["libgif-dev"]), .brew(["giflib"])]),
    .systemLibrary(
      name: "CTIFF", pkgConfig: "libtiff-4", providers: [.apt(["libtiff-dev"]), .brew(["libtiff"])]),
    .systemLibrary(
      name: "CHEIF", pkgConfig: "libheif", providers: [.apt(["libheif-dev"]), .brew(["libheif"])]),
    .systemLibrary(
      name: "CZip", pkgConfig: "libzip", providers: [.apt(["libzip-dev"]), .brew(["libzip"])]),
    .systemLibrary(
      name: "CArchive", pkgConfig: "libarchive",
      providers: [.apt(["libarchive-dev"]), .brew(["libarchive"])]),
    .systemLibrary(
      name: "CCRC", pkgConfig: "libisal", providers: [.apt(["libisal-dev"]), .brew(["isa-l"])]),
    .systemLibrary(
      name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]),

    .testTarget(name: "CKernelsTests", dependencies: ["CKernels", "SwiftletCore", "TestSupport"]),
    .testTarget(name: "SwiftletCoreTests", dependencies: ["SwiftletCore"]),
    .testTarget(name: "SwiftletGraphTests", dependencies: ["SwiftletGraph", "TestSupport"]),
    .testTarget(
      name: "SwiftletArchitecturesTests", dependencies: ["SwiftletArchitectures", "TestSupport"]),
    .testTarget(
      name: "SwiftletCPUTests",
      dependencies: ["SwiftletCPU", "SwiftletArchitectures", "TestSupport", "AllocationCounter"]),
    // Counts allocations in the test program.
    .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
    .testTarget(name: "SwiftletVisionTests", dependencies: ["SwiftletVision", "TestSupport"]),
    .testTarget(name: "SwiftletFormatsTests", dependencies: ["SwiftletFormats", "TestSupport"]),
    .testTarget(name: "SwiftletDataTests", dependencies: ["SwiftletData", "TestSupport"]),
    .testTarget(
      name: "SwiftletTrainingTests",
      dependencies: ["SwiftletTraining", "SwiftletCPU", "TestSupport", "AllocationCounter"]),
    .testTarget(
      name: "SwiftletTests",
      dependencies: ["SwiftletModules", "TestSupport", "ModelSupport", "AllocationCounter"]),
    .testTarget(
      name: "SwiftletCommandTests",
      dependencies: ["SwiftletModules", "SwiftletCommand", "TestSupport", "ModelSupport"]),
    // A model that is a graph, for the tests of the library and of the tool.
    .target(name: "ModelSupport", dependencies: ["SwiftletModules"], path: "Tests/ModelSupport"),
    // What several test targets need: tolerance helper, goldens, shared data, running the binary.
    .target(name: "TestSupport", dependencies: ["SwiftletCore"], path: "Tests/TestSupport"),
  ],
  swiftLanguageModes: [.v6]
)
