// Processor.swift: this machine's processor, and its features beyond the instruction set.

import CKernels

/// A processor's make.
public struct Processor: Sendable, Hashable, Codable, CustomStringConvertible {
  /// `AuthenticAMD`, `GenuineIntel`; empty where the processor reports none.
  public var vendor: String
  /// The family and the model that it reports.
  public var family: Int, model: Int

  /// Creates a processor's name.
  public init(vendor: String, family: Int, model: Int) {
    self.vendor = vendor
    self.family = family
    self.model = model
  }

  /// This machine's.
  public static let current: Processor = {
    let found = sk_this_processor()
    let vendor = withUnsafeBytes(of: found.vendor) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    return Processor(vendor: vendor, family: Int(found.family), model: Int(found.model))
  }()

  /// `AuthenticAMD family 26 model 2`.
  public var description: String { "\(vendor.isEmpty ? "unknown" : vendor) family \(family) model \(model)" }
}

/// Instructions that some processors of an instruction set have and others lack.
public struct ProcessorFeatures: OptionSet, Sendable, Hashable {
  public let rawValue: UInt32

  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Products of bytes summed in 32 bits, on 512-bit vectors.
  public static let avx512VNNI = ProcessorFeatures(rawValue: UInt32(SK_HAS_AVX512_VNNI.rawValue))
  /// The same on 256-bit vectors, without AVX-512.
  public static let avxVNNI = ProcessorFeatures(rawValue: UInt32(SK_HAS_AVX_VNNI.rawValue))
  /// Products of bfloat16 pairs summed in single precision, on 512-bit vectors.
  public static let avx512BF16 = ProcessorFeatures(rawValue: UInt32(SK_HAS_AVX512_BF16.rawValue))
  /// Arm's products of bytes summed in 32 bits.
  public static let dotProduct = ProcessorFeatures(rawValue: UInt32(SK_HAS_DOT_PRODUCT.rawValue))
  /// Arm's products of bfloat16.
  public static let armBF16 = ProcessorFeatures(rawValue: UInt32(SK_HAS_ARM_BF16.rawValue))

  /// The features of this machine that its system has switched on.
  public static let current = ProcessorFeatures(rawValue: sk_this_processor().features)
}

extension ProcessorFeatures: CustomStringConvertible {
  /// The names, such as `avx512_vnni avx512_bf16`.
  public var description: String {
    let names: [(ProcessorFeatures, String)] = [
      (.avx512VNNI, "avx512_vnni"), (.avxVNNI, "avx_vnni"), (.avx512BF16, "avx512_bf16"),
      (.dotProduct, "dotprod"), (.armBF16, "bf16"),
    ]
    return names.filter { contains($0.0) }.map(\.1).joined(separator: " ")
  }
}
